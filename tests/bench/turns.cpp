#include "tests/bench/turns.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <thread>

#include "check/timing.h"

namespace moe::bench {
namespace {

using namespace std::chrono_literals;

constexpr double kLongestBurst = 0.4;  // the kernel takes a twentieth of each second from real-time threads
constexpr std::size_t kMostCalls = 400;

// While it lives, every thread of this process runs before those of all others. Does nothing where
// that is not allowed.
class Burst {
 public:
  explicit Burst(bool wanted) : wanted_(wanted) {
    if (wanted_) set(SCHED_FIFO, 1);
  }
  ~Burst() {
    if (wanted_) set(SCHED_OTHER, 0);
  }
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

 private:
  static void set(int policy, int priority) {
    const sched_param parameter{priority};
    DIR* tasks = opendir("/proc/self/task");
    if (tasks == nullptr) return;
    while (const dirent* entry = readdir(tasks))
      if (const int id = std::atoi(entry->d_name)) sched_setscheduler(id, policy, &parameter);
    closedir(tasks);
  }
  bool wanted_;
};

// One for each number of threads: its memory is read, so it has to stay.
check::CeilingProbe& probe(int threads) {
  static std::map<int, std::unique_ptr<check::CeilingProbe>> probes;
  std::unique_ptr<check::CeilingProbe>& one = probes[threads];
  if (!one) one = std::make_unique<check::CeilingProbe>(threads);
  return *one;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

bool has_enough(const Contestant& c, const Effort& effort) {
  if (c.seconds.size() >= kMostCalls) return true;
  return c.seconds.size() >= static_cast<std::size_t>(effort.fewest) &&
         sum(c.seconds) >= effort.seconds;
}

void take_turn(Contestant& c, int threads, const Effort& effort) {
  const double expected = check::median(c.seconds) * effort.together;
  {
    const Burst burst(threads > 1 && !c.spins && !c.seconds.empty() && expected < kLongestBurst);
    for (int i = 0; i < effort.together; i++)
      c.seconds.push_back(c.call(static_cast<int>(c.seconds.size())));
  }
  // Others' share of the second, and time for threads that spin to fall asleep.
  std::this_thread::sleep_for(c.spins ? 40ms : std::chrono::milliseconds(2 + static_cast<int>(60 * expected)));
}

}  // namespace

check::Ceiling take_turns(std::vector<Contestant>& contestants, int threads, const Effort& effort) {
  std::vector<double> gflops, gbytes;
  const auto sample = [&] {
    const Burst burst(threads > 1);
    const check::Ceiling now = probe(threads).sample();
    gflops.push_back(now.fma_gflops);
    gbytes.push_back(now.read_gbytes_per_second);
  };
  probe(threads).sample();  // its threads start
  for (std::size_t round = 0;; round++) {
    sample();
    bool all_had_enough = true;
    for (std::size_t i = 0; i < contestants.size(); i++) {
      Contestant& c = contestants[(i + round) % contestants.size()];
      if (has_enough(c, effort)) continue;
      all_had_enough = false;
      take_turn(c, threads, effort);
    }
    if (all_had_enough) break;
  }
  return {check::median(gflops), check::median(gbytes)};
}

bool come_first() {
  if (setpriority(PRIO_PROCESS, 0, -15) != 0) return false;
  std::ofstream("/proc/self/autogroup") << "-15";
  return true;
}

}  // namespace moe::bench
