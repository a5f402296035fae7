#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "redis/client.h"
#include "testing/temp_dir.h"

namespace insula::gateway {

/// Debian's redis-server on a Unix socket of its own, where it is installed. It is one program with
/// redis-check-rdb, which comes without a daemon, and goes by the name that it is called by.
class LiveRedis {
 public:
  LiveRedis() = default;
  LiveRedis(const LiveRedis&) = delete;
  LiveRedis& operator=(const LiveRedis&) = delete;

  ~LiveRedis() { kill(); }

  [[nodiscard]] static bool is_installed() { return std::filesystem::exists(kProgram); }

  /// Another process, with what the last one saved, if `with_data`. It is not there at once.
  void start(bool with_data = false) {
    if (!with_data) std::filesystem::remove(dir_ / "dump.rdb");
    std::filesystem::remove(socket());
    const std::string path = socket();
    const std::vector<std::string> arguments = {
        "redis-server", "--port", "0", "--unixsocket", path, "--dir",
        dir_.path(),    "--save", "",  "--appendonly", "no", "--logfile",
        dir_ / "log"};
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    INSULA_CHECK(::posix_spawn(&pid_, kProgram, nullptr, nullptr, argv.data(), environ) == 0);
  }

  /// As a machine dies.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  [[nodiscard]] std::string socket() const { return dir_ / "redis.sock"; }

  [[nodiscard]] redis::ClientOptions options() const { return {.endpoint = {.path = socket()}}; }

 private:
  static constexpr const char* kProgram = "/usr/bin/redis-check-rdb";

  insula::testing::TempDir dir_;
  pid_t pid_ = 0;
};

}  // namespace insula::gateway
