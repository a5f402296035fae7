#include "server/shims.h"

#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/shim.h"
#include "testing/temp_dir.h"

namespace insula::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

/// A process that waits to be killed.
class Victim {
 public:
  explicit Victim(std::vector<std::string> words = {"/bin/sleep", "1000"},
                  const std::string& folder = "/") {
    std::vector<char*> argv;
    for (std::string& word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      if (::chdir(folder.c_str()) == 0) ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    identity_ = node::identify(pid_).value();
  }

  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  ~Victim() {
    ::kill(-pid_, SIGKILL);  // and what it started
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] const node::ProcessIdentity& identity() const { return identity_; }

  [[nodiscard]] bool alive() const { return node::is_alive(identity_); }

 private:
  pid_t pid_ = 0;
  node::ProcessIdentity identity_;
};

class Shims : public ::testing::Test {
 protected:
  void SetUp() override { layout_.root = dir_.path(); }

  void record(const std::string& folder) {
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(write_file(folder + "/shim",
                           node::to_text({shim_.identity(), container_.identity()}), 0644));
  }

  insula::testing::TempDir dir_;
  Layout layout_;
  Victim container_;
  Victim shim_;
};

TEST_F(Shims, AreFoundByTheRecordsOfTheAgentsPodsAndTheirContainersEnd) {
  const std::string folder = layout_.node() + "/pods/uid/containers/main/0";
  record(folder);
  EXPECT_THAT(find_shims(layout_), ElementsAre(Field(&Shim::folder, folder)));
  stop_containers(layout_, std::chrono::milliseconds(50));
  EXPECT_FALSE(container_.alive());
}

TEST_F(Shims, AProcessThatCallsItselfOneEndsNobody) {
  record(dir_ / "volume");
  const std::string claimed = layout_.node() + "/../volume";
  std::filesystem::create_directories(layout_.node());
  // Its command line reads `/bin/sh shim --dir ...`.
  ASSERT_TRUE(write_file(dir_ / "shim", "sleep 1000; exit", 0644));
  const Victim liar({"/bin/sh", "shim", "--dir", claimed, "--"}, dir_.path());
  EXPECT_THAT(find_shims(layout_), IsEmpty());
  stop_containers(layout_, std::chrono::milliseconds(50));
  EXPECT_TRUE(container_.alive());
}

TEST_F(Shims, ARecordThatIsALinkOrAnotherUsersIsNotBelieved) {
  record(dir_ / "volume");
  const std::string folder = layout_.node() + "/pods/uid/containers/main/0";
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(dir_ / "volume/shim", folder + "/shim");
  std::filesystem::create_symlink(dir_ / "volume", layout_.node() + "/pods/uid/containers/main/1");
  stop_containers(layout_, std::chrono::milliseconds(50));
  EXPECT_TRUE(container_.alive());
  if (::geteuid() != 0) return;
  std::filesystem::remove(folder + "/shim");
  record(folder);
  ASSERT_EQ(::chown((folder + "/shim").c_str(), 65534, 65534), 0);
  stop_containers(layout_, std::chrono::milliseconds(50));
  EXPECT_TRUE(container_.alive());
}

}  // namespace
}  // namespace insula::server
