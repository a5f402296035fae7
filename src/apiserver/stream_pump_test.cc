#include "apiserver/stream_pump.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "net/stream.h"

namespace insula::apiserver {
namespace {

constexpr std::size_t kPieceBytes = 32uz * 1024;

/// How much comes out at the other end before anybody else has had the loop.
Task<> pump_what_is_there(Loop& loop, std::size_t& first, std::size_t& all) {
  auto in = net::stream_pair(loop).value();
  auto out = net::stream_pair(loop).value();
  const std::string text(3 * kPieceBytes, 'x');
  EXPECT_TRUE((co_await in[0]->write(text)).has_value());
  in[0]->shutdown_write();
  TaskGroup tasks;
  tasks.spawn(pump(*in[1], *out[0]));
  std::vector<char> buffer(text.size());
  first = (co_await out[1]->read(buffer)).value();
  for (all = first;;) {
    const std::size_t more = (co_await out[1]->read(buffer)).value();
    if (more == 0) break;
    all += more;
  }
  co_await tasks.drained();
}

TEST(StreamPump, GivesWayAfterEachPieceAndLosesNothing) {
  Loop loop;
  std::size_t first = 0;
  std::size_t all = 0;
  run_until_complete(loop, pump_what_is_there(loop, first, all));
  EXPECT_LT(first, all);
  EXPECT_EQ(all, 3 * kPieceBytes);
}

}  // namespace
}  // namespace insula::apiserver
