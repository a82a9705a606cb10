// Threads: every task once, errors carried out, arithmetic checked.
#include "cpu/parallel.h"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "cpu/available.h"
#include "cpu/linear.h"
#include "cpu/schedule.h"
#include "reference/error.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

TEST(CpuParallel, RunsEveryTaskOnce) {
  for (const int threads : kThreads)
    for (const Index tasks : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::atomic<bool> in_range{true};
      cpu::parallel_for(threads, tasks, [&](Index task, int worker) {
        runs[static_cast<std::size_t>(task)]++;
        if (worker < 0 || worker >= threads) in_range = false;
      });
      for (const auto& count : runs) ASSERT_EQ(count, 1);
      EXPECT_TRUE(in_range);
    }
}

TEST(CpuParallel, CarriesErrorsOut) {
  for (const int threads : kThreads)
    EXPECT_THROW(cpu::parallel_for(threads, 50,
                                   [](Index task, int) {
                                     if (task == 20) throw Error("task 20");
                                   }),
                 Error);
}

TEST(CpuParallel, ThreadCountIsChecked) {
  EXPECT_EQ(cpu::thread_count(3), 3);
  EXPECT_GE(cpu::thread_count(0), 1);
  EXPECT_THROW(cpu::thread_count(-1), Error);
}

TEST(CpuParallel, LittleWorkWakesFewThreadsUnlessTheyAreAskedFor) {
  const int all = cpu::thread_count(0);
  EXPECT_EQ(cpu::thread_count(0, 0.0), 1);
  EXPECT_EQ(cpu::thread_count(0, 24'000.0), 1);
  EXPECT_EQ(cpu::thread_count(0, 51'000.0), std::min(all, 2));
  EXPECT_EQ(cpu::thread_count(0, 1e9), all);
  EXPECT_EQ(cpu::thread_count(3, 0.0), 3);
  EXPECT_THROW(cpu::thread_count(-1, 1e9), Error);
}

TEST(CpuParallel, TierRunsHere) {
  EXPECT_EQ(cpu::unavailable(), "");
}

TEST(CpuParallel, RangesCoverEveryValueOnce) {
  for (const int threads : kThreads)
    for (const Index n : {0, 1, 2, 15, 16, 17, 100})
      for (const Index together : {1, 16, 1000}) {
        std::vector<std::atomic<int>> runs(static_cast<std::size_t>(n));
        cpu::parallel_ranges(threads, n, together, [&](Index first, Index last) {
          if (last - first > together) return;
          for (Index i = first; i < last; i++) runs[static_cast<std::size_t>(i)]++;
        });
        for (const auto& count : runs) ASSERT_EQ(count, 1);
      }
}

TEST(CpuParallel, TasksOfTwoEndsAreTakenOnce) {
  for (const int threads : kThreads)
    for (const Index tasks : {0, 1, 2, 3, 1000}) {
      cpu::TwoEnds ends(tasks);
      std::vector<std::atomic<int>> taken(static_cast<std::size_t>(tasks));
      cpu::parallel_for(threads, threads, [&](Index, int worker) {
        for (Index i; (i = ends.take(worker)) >= 0;) taken[static_cast<std::size_t>(i)]++;
      });
      for (const auto& count : taken) ASSERT_EQ(count, 1);
    }
  cpu::TwoEnds ends(3);
  EXPECT_EQ(ends.take(0), 0);
  EXPECT_EQ(ends.take(1), 2);
  EXPECT_EQ(ends.take(3), 1);
  EXPECT_EQ(ends.take(0), -1);
}

TEST(CpuParallel, PendingWaitsForAll) {
  constexpr int rounds = 200;
  for (int round = 0; round < rounds; round++) {
    cpu::Pending pending;
    pending.add();
    pending.add();
    int first = 0, second = 0;
    std::thread one([&] { first = 1, pending.end(); });
    std::thread two([&] { second = 2, pending.end(); });
    pending.wait();
    EXPECT_EQ(first + second, 3);
    one.join();
    two.join();
  }
}

#if defined(__SSE__)
TEST(CpuParallel, ThreadThatFlushesSubnormalsIsRefused) {
  std::string message;
  std::thread([&] {
    _mm_setcsr(_mm_getcsr() | 0x8040U);  // flush to zero, subnormals are zero
    try {
      cpu::parallel_for(1, 1, [](Index, int) {});
    } catch (const Error& error) {
      message = error.what();
    }
  }).join();
  EXPECT_NE(message.find("cpu worker thread"), std::string::npos) << message;
  EXPECT_NE(message.find("subnormal"), std::string::npos) << message;
}
#endif

TEST(CpuSchedule, TasksCoverEveryBlockOnce) {
  for (const int threads : kThreads)
    for (const Index rows : {0, 1, 5, 6, 7, 64, 193, 1000})
      for (const Index units : {1, 3, 16, 40})
        for (const Index unit : {1, 2}) {
          const std::vector<cpu::Work> works{{cpu::Tiles(rows, 6), units * unit, unit},
                                             {cpu::Tiles(3, 6), unit, unit}};
          const auto& work = works[0];
          std::vector<int> covered(static_cast<std::size_t>(work.tiles.count() * work.panels));
          Index previous = std::numeric_limits<Index>::max();
          for (const cpu::Task& task : cpu::plan(works, threads)) {
            const cpu::Block& b = task.block;
            const cpu::Tiles& tiles = works[static_cast<std::size_t>(task.job)].tiles;
            const Index size = (tiles.begin(b.last_tile) - tiles.begin(b.first_tile)) *
                               (b.last_panel - b.first_panel);
            ASSERT_LE(size, previous);  // largest first
            ASSERT_GT(size, 0);
            ASSERT_EQ(b.first_panel % unit, 0);
            previous = size;
            if (task.job != 0) continue;
            for (Index t = b.first_tile; t < b.last_tile; t++)
              for (Index p = b.first_panel; p < b.last_panel; p++)
                covered[static_cast<std::size_t>(t * work.panels + p)]++;
          }
          for (const int count : covered) ASSERT_EQ(count, 1);
        }
}

TEST(CpuSchedule, TilesAreNearlyEqual) {
  for (Index rows = 0; rows <= 100; rows++) {
    const cpu::Tiles tiles(rows, 6);
    ASSERT_EQ(tiles.rows(), rows);
    ASSERT_EQ(tiles.count(), (rows + 5) / 6);
    for (Index t = 0; t < tiles.count(); t++) {
      ASSERT_EQ(tiles.begin(t) + tiles.rows(t), tiles.begin(t + 1));
      ASSERT_LE(tiles.rows(t), 6);
      ASSERT_LE(tiles.rows(0) - tiles.rows(t), 1);
    }
  }
}

}  // namespace
}  // namespace moe::test
