// Runs one planted bug, or one kernel of the tier, by name, for a sanitizer to watch. `kernels`: all
// kernels of the tier.
#include <cstdio>
#include <string>

#include "tests/cuda/planted_bugs.h"

int main(int argc, char** argv) {
  const std::string name = argc == 2 ? argv[1] : "";
  int ran = 0;
  for (const auto* list : {&planted_bugs(), &clean_kernels()})
    for (const Bug& bug : *list) {
      const bool wanted = bug.name == name || (name == "kernels" && list == &clean_kernels());
      if (!wanted) continue;
      std::printf("%s: %s\n", bug.name.c_str(), outcome(bug).c_str());
      std::fflush(stdout);
      ran++;
    }
  if (ran == 0) std::printf("usage: %s 'name of a bug or kernel'|kernels\n", argv[0]);
  return ran == 0 ? 2 : 0;
}
