// How the tier keeps weights: see reference/weight_format.h. The layouts are in cpu/panels.h, the
// decoding in cpu/multiply.cpp.
#pragma once
#include "reference/weight_format.h"
