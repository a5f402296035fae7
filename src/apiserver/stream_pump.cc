#include "apiserver/stream_pump.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "async/loop.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kBufferBytes = 32uz * 1024;

}  // namespace

Task<> pump(net::Stream& from, net::Stream& to) {
  std::vector<char> buffer(kBufferBytes);
  while (true) {
    const auto read = co_await from.read(buffer);
    if (!read || *read == 0) break;
    const auto written = co_await to.write(std::string_view(buffer.data(), *read));
    if (!written) break;
    // Two ends that keep up would never let anybody else have the loop.
    co_await yield();
  }
  to.shutdown_write();
}

}  // namespace insula::apiserver
