# `step` through reference/ without landing in Eigen, the standard library, fmt or the C library. By name, because a `*` in a
# file pattern does not match a slash; by file, for functions whose name begins otherwise.
skip -rfu ^(std|Eigen|__gnu_cxx|fmt)::
skip -gfi c++/*/*
skip -gfi c++/*/*/*
skip -gfi Eigen/src/*/*
skip -gfi Eigen/src/*/*/*
skip -gfi Eigen/src/*/*/*/*
# What is left of std::fma and std::sqrt are calls of the C library, whose symbols may be installed.
skip -rfu ^(__.*|fmaf?|sqrtf?)$
# The checks that come before anything is computed. `skip disable` shows them too.
skip function moe::validate
skip function moe::validate_input
