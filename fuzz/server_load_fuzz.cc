// The metrics that model servers tell: text of whoever runs in a tenant's pods.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/endpoint_load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto load = insula::gateway::parse_server_load(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!load) return 0;
  if (load->requests < 0 || !(load->cache_usage >= 0 && load->cache_usage <= 1)) __builtin_trap();
  return 0;
}
