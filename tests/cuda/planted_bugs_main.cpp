// Runs one planted bug, by name, under the emulator's first order: for a sanitizer to stop.
#include <cstdio>

#include "tests/cuda/planted_bugs.h"

int main(int argc, char** argv) {
  for (const Bug& bug : planted_bugs()) {
    if (argc != 2 || bug.name != argv[1]) continue;
    std::printf("%s: %s\n", bug.name.c_str(), outcome(bug).c_str());
    return 0;
  }
  std::printf("usage: %s 'name of a bug'\n", argv[0]);
  return 2;
}
