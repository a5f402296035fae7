#include "server/supervisor.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/address.h"
#include "net/listener.h"

namespace insula::server {
namespace {

constexpr std::chrono::seconds kPatience{20};

/// Runs a supervisor over shell scripts in a process of its own, as in real life, because it takes
/// the process's signals and children.
class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "/insula-supervisor-XXXXXX";
    ASSERT_NE(::mkdtemp(dir_.data()), nullptr);
  }

  void TearDown() override {
    if (supervisor_ > 0) {
      ::kill(supervisor_, SIGKILL);
      ::waitpid(supervisor_, nullptr, 0);
    }
    std::filesystem::remove_all(dir_);
  }

  /// Shell text that waits without end and runs `on_term` when it is told to stop.
  static std::string wait_then(const std::string& on_term) {
    return "sleep 1000 & p=$!; trap 'kill $p; " + on_term + "' TERM; echo $$ >> waiting; " +
           "while :; do wait $p; done";
  }

  static ProcessSpec shell(std::string name, const std::string& script) {
    ProcessSpec spec;
    spec.name = std::move(name);
    spec.arguments = {"-c", script};
    return spec;
  }

  template <class... Specs>
  void launch(Specs... specs) {
    launch_with({}, std::move(specs)...);
  }

  template <class... Specs>
  void launch_with(Supervisor::Options options, Specs... each) {
    std::vector<ProcessSpec> specs;
    (specs.push_back(std::move(each)), ...);
    supervisor_ = ::fork();
    ASSERT_GE(supervisor_, 0);
    if (supervisor_ != 0) return;
    ::chdir(dir_.c_str());
    const int shell_fd = ::open("/bin/sh", O_RDONLY | O_CLOEXEC);
    options.executable_fd = shell_fd;
    options.executable_name = "sh";
    options.on_change = [](const std::vector<Supervisor::Status>& all) {
      std::ofstream out("changes", std::ios::app);
      for (const auto& s : all)
        out << s.name << (s.ready ? ":ready " : ":- ");
      out << "\n";
      return !std::filesystem::exists("full");
    };
    Supervisor supervisor(std::move(specs), std::move(options), {}, system_clock());
    ::_exit(supervisor.run() ? 0 : 1);
  }

  std::string content(const std::string& file) const {
    std::ifstream in(dir_ + "/" + file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  /// Waits until `file` satisfies the predicate.
  template <class Predicate>
  bool eventually(const std::string& file, Predicate predicate) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (predicate(content(file))) return true;
      ::usleep(2000);
    }
    return false;
  }

  int stop() {
    ::kill(supervisor_, SIGTERM);
    int status = 0;
    ::waitpid(supervisor_, &status, 0);
    supervisor_ = 0;
    return status;
  }

  std::string dir_;
  pid_t supervisor_ = 0;
};

std::ptrdiff_t lines(const std::string& text) {
  return std::ranges::count(text, '\n');
}

TEST_F(SupervisorTest, ReportsAChildReadyWhenItSaysSo) {
  launch(shell("a", "echo READY >&$INSULA_NOTIFY_FD; exec sleep 1000"));
  EXPECT_TRUE(eventually(
      "changes", [](const std::string& t) { return t.find("a:ready") != std::string::npos; }));
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, TellsAgainWhoCouldNotTakeNote) {
  std::ofstream(dir_ + "/full") << "\n";
  launch(shell("a", "exec sleep 1000"));
  EXPECT_TRUE(eventually("changes", [](const std::string& t) { return lines(t) >= 2; }));
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, StartsAChildAgainWhenItDies) {
  launch(shell("a", "echo $$ >> starts; exit 3"), shell("b", "echo $$ >> others; exec sleep 1000"));
  EXPECT_TRUE(eventually("starts", [](const std::string& t) { return lines(t) >= 3; }));
  EXPECT_EQ(lines(content("others")), 1);
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, GivesUpOnAChildThatNeverStarts) {
  Supervisor::Options options;
  options.failed_starts_max = 2;
  launch_with(std::move(options), shell("a", "echo $$ >> starts; exit 3"),
              shell("b", "echo READY >&$INSULA_NOTIFY_FD; exec sleep 1000"));
  int status = 0;
  ASSERT_EQ(::waitpid(supervisor_, &status, 0), supervisor_);
  supervisor_ = 0;
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(lines(content("starts")), 2);
}

TEST_F(SupervisorTest, AChildThatWasReadyIsStartedAgainHoweverOftenItDies) {
  Supervisor::Options options;
  options.failed_starts_max = 2;
  launch_with(
      std::move(options),
      shell("a",
            "[ -e starts ] || echo READY >&$INSULA_NOTIFY_FD; echo $$ >> starts; sleep 0.1; "
            "exit 3"));
  EXPECT_TRUE(eventually("starts", [](const std::string& t) { return lines(t) >= 4; }));
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, InTheBackgroundItOutlivesItsTerminal) {
  Supervisor::Options options;
  options.ignore_hangup = true;
  launch_with(std::move(options), shell("a", wait_then("echo over >> stopped; exit 0")));
  ASSERT_TRUE(eventually("waiting", [](const std::string& t) { return lines(t) == 1; }));
  ::kill(supervisor_, SIGHUP);
  ::usleep(50'000);
  EXPECT_EQ(::waitpid(supervisor_, nullptr, WNOHANG), 0);
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, StopsInReverseOrderAndWaitsForEach) {
  const auto child = [](const std::string& name) {
    return shell(name, wait_then("echo " + name + " >> stopped; exit 0"));
  };
  launch(child("first"), child("second"));
  ASSERT_TRUE(eventually("waiting", [](const std::string& t) { return lines(t) == 2; }));
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(content("stopped"), "second\nfirst\n");
}

TEST_F(SupervisorTest, KillsAChildThatDoesNotStopInTime) {
  ProcessSpec deaf = shell("deaf", "trap '' TERM; echo $$ > pid; exec sleep 1000");
  deaf.stop_grace = std::chrono::milliseconds(50);
  launch(std::move(deaf));
  ASSERT_TRUE(eventually("pid", [](const std::string& t) { return lines(t) == 1; }));
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, ItsChildrenEndWhenItIsKilled) {
  launch(shell("a", wait_then("echo over >> stopped; exit 0")));
  ASSERT_TRUE(eventually("waiting", [](const std::string& t) { return lines(t) == 1; }));
  ::kill(supervisor_, SIGKILL);
  EXPECT_TRUE(eventually("stopped", [](const std::string& t) { return t == "over\n"; }));
}

TEST_F(SupervisorTest, PassesSocketsUnderTheirNumbers) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]);
  ProcessSpec spec = shell("a", "echo hello >&" + std::to_string(ends[1]) + "; exec sleep 1000");
  spec.sockets.emplace_back(ends[1]);
  launch(std::move(spec));
  char buffer[16] = {};
  EXPECT_EQ(::read(reading.get(), buffer, sizeof buffer), 6);
  EXPECT_STREQ(buffer, "hello\n");
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, NewClientsAreRefusedWhileAChildStillEndsWhatItBegan) {
  const auto listening = net::listen_socket(*net::Address::parse("127.0.0.1:0"));
  ASSERT_TRUE(listening);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(::getsockname(*listening, reinterpret_cast<sockaddr*>(&name), &size), 0);
  const auto connect_error = [&name] {
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* address = reinterpret_cast<const sockaddr*>(&name);
    return ::connect(client.get(), address, sizeof name) == 0 ? 0 : errno;
  };
  ASSERT_LT(*listening, 10) << "a shell closes no descriptor of two digits";
  ProcessSpec spec =
      shell("a", "exec " + std::to_string(*listening) + ">&-; " +
                     wait_then("echo >> told; until [ -e go ]; do sleep 0.01; done; exit 0"));
  spec.sockets.emplace_back(*listening);
  launch(std::move(spec));
  ASSERT_TRUE(eventually("waiting", [](const std::string& t) { return lines(t) == 1; }));
  EXPECT_EQ(connect_error(), 0) << "the supervisor keeps the socket while the child runs";
  ::kill(supervisor_, SIGTERM);
  ASSERT_TRUE(eventually("told", [](const std::string& t) { return lines(t) == 1; }));
  EXPECT_EQ(connect_error(), ECONNREFUSED);
  std::ofstream(dir_ + "/go") << "\n";
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisorTest, DropsPrivilegesForAChildWithAnAccount) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  std::filesystem::permissions(dir_, std::filesystem::perms::all);
  ProcessSpec spec = shell("a",
                           "id -u > uid.new; grep NoNewPrivs /proc/self/status >> uid.new; mv "
                           "uid.new uid; exec sleep 1000");
  spec.account = Account{.uid = 61234, .gid = 61234};
  launch(std::move(spec));
  EXPECT_TRUE(
      eventually("uid", [](const std::string& t) { return t == "61234\nNoNewPrivs:\t1\n"; }));
  EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace insula::server
