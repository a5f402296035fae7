#include "node/process_runtime.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async/blocking_pool.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "node/files.h"
#include "node/shim_launch.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;

class ProcessRuntimeTest : public ::testing::Test {
 protected:
  ContainerPlan shell(const std::string& script, const std::string& name = "c") {
    ContainerPlan plan;
    plan.id = name;
    plan.dir = dir_ / name;
    plan.log_path = dir_ / (name + ".log");
    plan.log_bytes_max = 1 << 20;
    plan.log_files_max = 2;
    plan.root = HostRoot{};
    plan.argv = {"/bin/sh", "-c", script};
    plan.env = {"PATH=/usr/bin:/bin", "GREETING=hello"};
    EXPECT_TRUE(make_dirs(plan.dir));
    return plan;
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    run_until_complete(loop_, detail::store(std::move(task), &out));
    return *std::move(out);
  }

  std::string log_of(const std::string& name = "c") {
    return read_file(dir_ / (name + ".log")).value();
  }

  insula::testing::TempDir dir_;
  Loop loop_;
  ProcessRuntime runtime_{NODE_TEST_SHIM, "chosen by the test"};
};

TEST_F(ProcessRuntimeTest, RunsAProgramAndKeepsItsOutputAndExitStatus) {
  const auto container = run(runtime_.start(shell("echo $GREETING; echo bad >&2; exit 7"), {}));
  ASSERT_TRUE(container) << container.error().message();
  const ExitRecord record = run(wait_for_exit(*container));
  EXPECT_EQ(record.exit_code, 7);
  EXPECT_EQ(record.signal, 0);
  EXPECT_THAT(log_of(), HasSubstr(" stdout F hello\n"));
  EXPECT_THAT(log_of(), HasSubstr(" stderr F bad\n"));
}

TEST_F(ProcessRuntimeTest, SaysWhyAProgramCannotBeRun) {
  ContainerPlan plan = shell("");
  plan.argv = {"/no/such/program"};
  const auto container = run(runtime_.start(plan, {}));
  ASSERT_FALSE(container);
  EXPECT_THAT(container.error().message(),
              HasSubstr("exec /no/such/program: No such file or directory"));
}

TEST_F(ProcessRuntimeTest, ASignalEndsTheContainerWithItsNumber) {
  const auto container = run(runtime_.start(shell("sleep 100"), {}));
  ASSERT_TRUE(container);
  runtime_.signal(*container, SIGKILL);
  const ExitRecord record = run(wait_for_exit(*container));
  EXPECT_EQ(record.exit_code, 137);
  EXPECT_EQ(record.signal, SIGKILL);
}

TEST_F(ProcessRuntimeTest, IsFoundAgainByAnAgentThatDidNotStartIt) {
  ASSERT_TRUE(run(runtime_.start(shell("sleep 100"), {})));
  const auto found = find_container("c", dir_ / "c");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_TRUE(is_alive(found->identity.shim));
  runtime_.signal(*found, SIGTERM);
  EXPECT_EQ(run(wait_for_exit(*found)).exit_code, 128 + SIGTERM);
}

TEST_F(ProcessRuntimeTest, ALostShimCountsAsKilledAndItsContainerGoesToo) {
  const auto container = run(runtime_.start(shell("sleep 100"), {}));
  ASSERT_TRUE(container);
  kill(container->identity.shim.pid, SIGKILL);
  EXPECT_EQ(run(wait_for_exit(*container)).exit_code, 137);
  const auto gone = watch_process(container->identity.container.pid);
  if (gone) run_until_complete(loop_, process_ended(gone->get()));
  EXPECT_FALSE(is_alive(container->identity.container));
}

TEST_F(ProcessRuntimeTest, AContainerWhoseAgentDiedDuringTheStartDoesNotStay) {
  const ContainerPlan plan = shell("sleep 100");
  Pipe status = make_pipe().value();
  SpawnOptions options;
  options.argv = {NODE_TEST_SHIM, "shim", "--dir",       plan.dir, "--log", plan.log_path,
                  "--log-bytes",  "1000", "--log-files", "1",      "--"};
  options.argv.insert(options.argv.end(), plan.argv.begin(), plan.argv.end());
  options.fds = {{kShimStatusFd, status.write_end.get()}};
  status.read_end.close();
  const auto shim = spawn(options);
  ASSERT_TRUE(shim);
  EXPECT_EQ(run(reap(*shim))->code, 1);
  EXPECT_FALSE(find_container("c", plan.dir));
}

// As with an OCI runtime, which an agent that is killed leaves at work.
TEST_F(ProcessRuntimeTest, AStartUnderWayIsWaitedOutByTheNextAgent) {
  ContainerPlan plan = shell("");
  const std::string pid_file = dir_ / "pid";
  const std::string ready = dir_ / "ready";
  const std::string gate = dir_ / "gate";
  for (const std::string& pipe : {ready, gate})
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  ShimLaunch launch;
  launch.binary = NODE_TEST_SHIM;
  launch.flags = {"--pid-file", pid_file};
  launch.command = {"/bin/sh", "-c",
                    "sleep 1000 & echo $! > " + pid_file + "; echo > " + ready + "; read go < " +
                        gate + "; exit 0"};
  launch.env = plan.env;
  {
    TaskGroup first_agent;
    first_agent.spawn([](ShimLaunch launch, ContainerPlan plan) -> Task<> {
      static_cast<void>(co_await launch_shim(std::move(launch), plan));
    }(std::move(launch), plan));
    BlockingPool pool{1};
    ASSERT_TRUE(run(pool.run([ready] { return read_file(ready); })));
  }
  const auto pid = static_cast<pid_t>(std::stol(read_file(pid_file).value()));
  const auto process = identify(pid);
  ASSERT_TRUE(process);
  bool settled = false;
  TaskGroup next_agent;
  next_agent.spawn([](std::string dir, bool& settled) -> Task<> {
    co_await launch_settled(std::move(dir));
    settled = true;
  }(plan.dir, settled));
  run_until_complete(loop_, yield());
  EXPECT_FALSE(settled);
  EXPECT_TRUE(is_alive(*process));
  ASSERT_TRUE(write_file(gate, "go\n"));
  run_until_complete(loop_, next_agent.drained());
  EXPECT_TRUE(settled);
  EXPECT_FALSE(find_container("c", plan.dir));
  EXPECT_FALSE(is_alive(*process));
}

TEST_F(ProcessRuntimeTest, LeftOverChildrenDoNotKeepTheContainer) {
  const auto container = run(runtime_.start(shell("sleep 1000 & exit 0"), {}));
  ASSERT_TRUE(container);
  EXPECT_EQ(run(wait_for_exit(*container)).exit_code, 0);
}

TEST_F(ProcessRuntimeTest, WhatLeftTheSessionEndsWithTheContainer) {
  const auto container = run(runtime_.start(
      shell("setsid sh -c 'setsid sleep 1000 & echo $!; sleep 1000' & echo $!; sleep 0.1; exit 4"),
      {}));
  ASSERT_TRUE(container);
  EXPECT_EQ(run(wait_for_exit(*container)).exit_code, 4);
  const std::string log = log_of();
  int left = 0;
  for (std::size_t at = 0; (at = log.find(" stdout F ", at)) != std::string::npos; ++at) {
    ++left;
    EXPECT_FALSE(identify(static_cast<pid_t>(std::atoi(log.c_str() + at + 10)))) << log;
  }
  EXPECT_EQ(left, 2) << log;
}

TEST_F(ProcessRuntimeTest, PointsArgumentsAtTheVolumesOfTheMachine) {
  ASSERT_TRUE(make_dirs(dir_ / "volume"));
  ASSERT_TRUE(write_file(dir_ / "volume/config", "from the volume\n"));
  chmod(dir_.path().c_str(), 0755);
  ContainerPlan plan = shell("");
  plan.argv = {"/bin/cat", "/app/config"};
  plan.mounts = {{dir_ / "volume", "/app", true}};
  const auto container = run(runtime_.start(plan, {}));
  ASSERT_TRUE(container);
  EXPECT_EQ(run(wait_for_exit(*container)).exit_code, 0);
  EXPECT_THAT(log_of(), HasSubstr("from the volume"));
}

TEST_F(ProcessRuntimeTest, ACommandEndsWithItsFirstProcess) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "sleep 100 & echo out; exit 3"};
  const auto result = run(run_command(options, loop_.now() + std::chrono::seconds(5)));
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->output, "out\n");
}

TEST_F(ProcessRuntimeTest, ACommandThatIsKilledTakesWhatItStartedElsewhereWithIt) {
  SpawnOptions options;
  options.pid_file = dir_ / "pid";
  options.argv = {"/bin/sh", "-c",
                  "setsid sleep 100 > /dev/null 2>&1 & echo $! > " + options.pid_file +
                      "; echo $! > " + (dir_ / "copy") + "; wait"};
  EXPECT_FALSE(run(run_command(options, loop_.now() + std::chrono::milliseconds(300))));
  const auto elsewhere =
      static_cast<pid_t>(std::atoi(read_file(dir_ / "copy").value_or("").c_str()));
  ASSERT_GT(elsewhere, 0);
  const auto gone = watch_process(elsewhere);
  if (gone) run_until_complete(loop_, process_ended(gone->get()));
  EXPECT_FALSE(identify(elsewhere));
  EXPECT_FALSE(exists(options.pid_file));
}

TEST_F(ProcessRuntimeTest, ExecRunsAsTheUserOfTheContainer) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  chmod(dir_.path().c_str(), 0755);
  for (const auto& [name, asked, uid] :
       {std::tuple{"plain", 0, "65534\n"}, std::tuple{"asks", 4321, "4321\n"}}) {
    ContainerPlan plan = shell("sleep 100", name);
    plan.security.uid = asked;
    ASSERT_TRUE(run(runtime_.start(plan, {})));
    // As an agent that did not start it sees it.
    const auto container = find_container(name, plan.dir);
    ASSERT_TRUE(container);
    for (const char* command : {"id -u", "id -g", "sh -c 'id -ru'"}) {
      const auto options =
          runtime_.exec(*container, {{"/bin/sh", "-c", command}, {"PATH=/usr/bin:/bin"}, "/", {}});
      ASSERT_TRUE(options);
      const auto result = run(run_command(*options, loop_.now() + std::chrono::seconds(10)));
      ASSERT_TRUE(result) << result.error().message();
      EXPECT_EQ(result->output, uid) << command;
    }
    runtime_.signal(*container, SIGKILL);
    run(wait_for_exit(*container));
  }
}

TEST_F(ProcessRuntimeTest, ExecSaysWhyAProgramCannotBeRunAndPassesTheExitCodeOn) {
  const auto container = run(runtime_.start(shell("sleep 100"), {}));
  ASSERT_TRUE(container);
  const auto exec = [&](std::vector<std::string> argv) {
    const auto options = runtime_.exec(*container, {std::move(argv), {"GREETING=hello"}, "", {}});
    return run(run_command(*options, loop_.now() + std::chrono::seconds(10))).value();
  };
  EXPECT_THAT(exec({"/no/such/program"}).output,
              HasSubstr("exec /no/such/program: No such file or directory"));
  const CommandResult result = exec({"/bin/sh", "-c", "echo $GREETING; exit 7"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.output, "hello\n");
  runtime_.signal(*container, SIGKILL);
  run(wait_for_exit(*container));
}

TEST_F(ProcessRuntimeTest, TheVariablesOfAContainerDoNotWorkOnItsShim) {
  if (geteuid() != 0) GTEST_SKIP() << "the shim has no rights that its container lacks";
  chmod(dir_.path().c_str(), 0755);
  // The loader of a program writes there what it does, if the program's user may.
  ASSERT_TRUE(make_dirs(dir_ / "of-root", 0700));
  const std::vector<std::string> loader = {"LD_DEBUG=libs",
                                           "LD_DEBUG_OUTPUT=" + (dir_ / "of-root/trace")};
  ContainerPlan plan = shell("sleep 100");
  plan.env.insert(plan.env.end(), loader.begin(), loader.end());
  const auto container = run(runtime_.start(plan, {}));
  ASSERT_TRUE(container);
  const auto options = runtime_.exec(*container, {{"/bin/true"}, loader, "", {}});
  EXPECT_EQ(run(run_command(*options, loop_.now() + std::chrono::seconds(10)))->exit_code, 0);
  EXPECT_THAT(names_in(dir_ / "of-root"), ::testing::IsEmpty());
  runtime_.signal(*container, SIGKILL);
  run(wait_for_exit(*container));
}

TEST_F(ProcessRuntimeTest, ACommandIsKilledAtItsDeadline) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "sleep 100"};
  const auto result = run(run_command(options, loop_.now() + std::chrono::milliseconds(50)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kTimeout);
}

}  // namespace
}  // namespace insula::node
