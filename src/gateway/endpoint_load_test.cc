#include "gateway/endpoint_load.h"

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

TEST(EndpointLoad, SumsRequestsAndTakesTheFullestCache) {
  const auto load = parse_server_load(
      "# HELP vllm:num_requests_running x\n# TYPE vllm:num_requests_running gauge\n"
      "vllm:num_requests_running{engine=\"0\",model_name=\"a } b\"} 3.0\n"
      "vllm:num_requests_running{engine=\"1\",model_name=\"q\\\"}\"} 2.0 1700000000\r\n"
      "vllm:num_requests_waiting 4\nother{a=\"b\"} 9\n"
      "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\nvllm:kv_cache_usage_perc{engine=\"1\"} 0.5\n");
  ASSERT_TRUE(load);
  EXPECT_EQ(*load, (ServerLoad{.requests = 9, .cache_usage = 0.5}));
  EXPECT_EQ(parse_server_load("vllm:gpu_cache_usage_perc 0.75").value().cache_usage, 0.75);
}

TEST(EndpointLoad, WhatIsNoMetricOfVllmTellsNothing) {
  for (const char* text :
       {"", "\n\n", "# vllm:num_requests_running 3", "vllm:num_requests_running", "vllm:x 3",
        "vllm:num_requests_running{a=\"b 3", "vllm:num_requests_running NaN",
        "vllm:num_requests_running +Inf", "vllm:num_requests_running{} x", "<html>"}) {
    EXPECT_FALSE(parse_server_load(text)) << text;
  }
}

TEST(EndpointLoad, KeepsValuesThatCannotBeWithinBounds) {
  const auto load = parse_server_load(
      "vllm:num_requests_running -4\nvllm:num_requests_waiting 1e300\nvllm:kv_cache_usage_perc "
      "7\n");
  EXPECT_EQ(load.value(), (ServerLoad{.requests = 1'000'000'000, .cache_usage = 1}));
}

}  // namespace
}  // namespace insula::gateway
