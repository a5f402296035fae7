// `cpu_hog ON_US OFF_US`: keeps its core busy for ON of every ON + OFF microseconds. Run with a
// higher real-time priority than what is measured, it leaves that a fixed part of the core, so that
// the measured program is the limit and not the load generator beside it.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: cpu_hog ON_US OFF_US\n");
    return 2;
  }
  const std::chrono::microseconds on(std::atoi(argv[1]));
  const std::chrono::microseconds off(std::atoi(argv[2]));
  auto start = std::chrono::steady_clock::now();
  for (;;) {
    while (std::chrono::steady_clock::now() - start < on) {
    }
    start += on + off;
    std::this_thread::sleep_until(start);
  }
}
