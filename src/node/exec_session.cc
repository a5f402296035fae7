#include "node/exec_session.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/retry.h"
#include "async/task_group.h"
#include "http/websocket.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"
#include "node/files.h"

namespace insula::node {
namespace {

using http::websocket::Connection;

enum Channel : unsigned char {
  kStdin = 0,
  kStdout = 1,
  kStderr = 2,
  kError = 3,
  kResize = 4,
  kClose = 255
};

constexpr std::size_t kChunkBytes = 32U * 1024;
// The client answers when it has taken in all the output, which may be on a slow line.
constexpr auto kCloseTimeout = std::chrono::seconds(30);
constexpr std::uint16_t kNormalClosure = 1000;
// What shells answer for a program that is not there, or that may not be run.
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

// Our ends of what the process reads and writes.
struct Streams {
  Fd input;
  Fd output;
  Fd errors;
  Fd terminal;  // the pty's master, which is input and output at once
  std::optional<FdWatch> input_watch;
  std::optional<FdWatch> output_watch;
  std::optional<FdWatch> errors_watch;
};

void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

Result<> open_terminal(SpawnOptions& process, Streams& streams) {
  Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  if (!master || grantpt(master.get()) != 0 || unlockpt(master.get()) != 0 ||
      ptsname_r(master.get(), name.data(), name.size()) != 0) {
    return fail_errno("open a terminal");
  }
  set_nonblocking(master.get());
  process.terminal = name.data();
  streams.terminal = std::move(master);
  streams.output_watch.emplace(Loop::current(), streams.terminal.get());
  return {};
}

// Ends that the child gets; closed here once it runs.
struct ChildEnds {
  Fd input;
  Fd output;
  Fd errors;
};

Result<ChildEnds> open_pipes(const ExecOptions& options, SpawnOptions& process, Streams& streams) {
  ChildEnds ends;
  if (options.stdin_open) {
    INSULA_TRY(Pipe pipe, make_pipe());
    set_nonblocking(pipe.write_end.get());
    fcntl(pipe.read_end.get(), F_SETFL, 0);
    streams.input = std::move(pipe.write_end);
    ends.input = std::move(pipe.read_end);
    streams.input_watch.emplace(Loop::current(), streams.input.get());
    process.fds.emplace_back(STDIN_FILENO, ends.input.get());
  }
  if (options.stdout_open) {
    INSULA_TRY(Pipe pipe, make_pipe());
    streams.output = std::move(pipe.read_end);
    ends.output = std::move(pipe.write_end);
    give_to(ends.output, process.output_owner);
    streams.output_watch.emplace(Loop::current(), streams.output.get());
    process.fds.emplace_back(STDOUT_FILENO, ends.output.get());
  }
  if (options.stderr_open) {
    INSULA_TRY(Pipe pipe, make_pipe());
    streams.errors = std::move(pipe.read_end);
    ends.errors = std::move(pipe.write_end);
    give_to(ends.errors, process.output_owner);
    streams.errors_watch.emplace(Loop::current(), streams.errors.get());
    process.fds.emplace_back(STDERR_FILENO, ends.errors.get());
  }
  return ends;
}

std::optional<Result<>> try_write(FdWatch& watch, std::string_view& rest) {
  while (!rest.empty()) {
    const ssize_t n = ::write(watch.fd(), rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      watch.writable = false;
      return std::nullopt;
    } else if (errno != EINTR) {
      return fail_errno("write to the process");
    }
  }
  return Result<>{};
}

Task<Result<>> write_all(FdWatch& watch, std::string data) {
  std::string_view rest = data;
  co_return co_await retry_on(watch.writers, [&watch, &rest] { return try_write(watch, rest); });
}

// Counts while output is waited for, not while a slow client is.
Task<> no_more_output(Event& exited) {
  co_await exited.wait();
  co_await sleep_for(kOutputAfterExit);
}

Task<> pump(Connection& socket, FdWatch& watch, Channel channel, Event& exited) {
  std::string message(kChunkBytes + 1, '\0');
  while (true) {
    message.resize(kChunkBytes + 1);
    message[0] = static_cast<char>(channel);
    const auto got =
        co_await race(read_some(watch, message.data() + 1, kChunkBytes), no_more_output(exited));
    // A terminal whose last process has gone answers EIO; that is its end.
    const auto* n = std::get_if<0>(&got);
    if (n == nullptr || !*n || **n == 0) co_return;
    message.resize(**n + 1);
    if (!co_await socket.write_binary(message)) co_return;
  }
}

void resize(const Streams& streams, std::string_view text) {
  const Result<json::Value> size = json::parse(text);
  if (!size || !streams.terminal) return;
  winsize window{};
  window.ws_col = static_cast<unsigned short>((*size)["Width"].as_int64().value_or(0));
  window.ws_row = static_cast<unsigned short>((*size)["Height"].as_int64().value_or(0));
  ioctl(streams.terminal.get(), TIOCSWINSZ, &window);
}

// Passes on what the client sends, until it leaves.
Task<> take_input(Connection& socket, Streams& streams) {
  while (true) {
    Result<std::optional<http::websocket::Message>> message = co_await socket.read();
    if (!message || !*message) co_return;
    const std::string& data = (*message)->data;
    if (data.empty()) continue;
    const auto channel = static_cast<unsigned char>(data[0]);
    if (channel == kStdin) {
      std::optional<FdWatch>& target =
          streams.terminal ? streams.output_watch : streams.input_watch;
      // A process that does not read its input any more is no reason to end the session.
      if (target) static_cast<void>(co_await write_all(*target, data.substr(1)));
    } else if (channel == kResize) {
      resize(streams, std::string_view(data).substr(1));
    } else if (channel == kClose && data.size() > 1 && data[1] == kStdin) {
      streams.input_watch.reset();
      streams.input.close();
    }
  }
}

// The process of a session; killed when the session ends before it.
class Running {
 public:
  Running(pid_t pid, std::string pid_file) : pid_(pid), pid_file_(std::move(pid_file)) {}

  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  ~Running() {
    if (pid_ > 0) kill_spawned(pid_, pid_file_);
    remove_spawn_files(pid_file_);
  }

  // Whether an OCI runtime came as far as to start the program.
  [[nodiscard]] bool began() const { return pid_file_.empty() || exists(pid_file_); }

  // The exit code, once it has ended.
  Task<int> ended() {
    const Result<ExitStatus> status = co_await reap(pid_);
    pid_ = 0;
    const int code = status ? status->code : 1;
    co_return code == 0 || began() ? code : kNotFound;
  }

  Task<> end() {
    if (pid_ == 0) co_return;
    kill_spawned(pid_, pid_file_);
    static_cast<void>(co_await ended());
  }

 private:
  pid_t pid_;
  std::string pid_file_;
};

Task<int> run_to_exit(Connection& socket, Streams& streams, Running& process) {
  Event exited;
  TaskGroup pumps;
  if (streams.output_watch) pumps.spawn(pump(socket, *streams.output_watch, kStdout, exited));
  if (streams.errors_watch) pumps.spawn(pump(socket, *streams.errors_watch, kStderr, exited));
  const int code = co_await process.ended();
  exited.set();
  co_await pumps.drained();
  co_return code;
}

std::string failure_status(int exit_code, std::string message) {
  json::Value cause;
  cause["reason"] = "ExitCode";
  cause["message"] = fmt::format("{}", exit_code);
  json::Value status;
  status["metadata"] = json::Object();
  status["status"] = "Failure";
  status["message"] = std::move(message);
  status["reason"] = "NonZeroExitCode";
  json::Array causes;
  causes.push_back(std::move(cause));
  status["details"]["causes"] = std::move(causes);
  return json::write(status);
}

std::string not_started(const Error& error) {
  if (error.code() == ErrorCode::kNotFound) return failure_status(kNotFound, error.message());
  if (error.code() == ErrorCode::kForbidden) return failure_status(kNotExecutable, error.message());
  json::Value status;
  status["metadata"] = json::Object();
  status["status"] = "Failure";
  status["reason"] = "InternalError";
  status["message"] = error.message();
  status["code"] = 500;
  return json::write(status);
}

}  // namespace

std::string exec_status(int exit_code) {
  if (exit_code == 0) return R"({"metadata":{},"status":"Success"})";
  return failure_status(
      exit_code,
      fmt::format("command terminated with non-zero exit code: exit status {}", exit_code));
}

Task<Result<>> serve_exec(http::Exchange& exchange,
                          ExecOptions options,
                          SpawnOptions process,
                          Random& random) {
  http::websocket::Options socket_options;
  socket_options.protocols = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
  INSULA_CO_TRY(const std::unique_ptr<Connection> socket,
                co_await http::websocket::accept(exchange, std::move(socket_options), random));
  Streams streams;
  ChildEnds ends;
  if (options.tty) {
    INSULA_CO_TRY_VOID(open_terminal(process, streams));
  } else {
    INSULA_CO_TRY(ends, open_pipes(options, process, streams));
  }
  const Result<pid_t> pid = spawn(process);
  ends = ChildEnds{};
  std::string final;
  if (pid) {
    Running running(*pid, process.pid_file);
    const auto ended =
        co_await race(run_to_exit(*socket, streams, running), take_input(*socket, streams));
    if (ended.index() == 1) {
      co_await running.end();
      co_return Result<>{};
    }
    final = exec_status(std::get<0>(ended));
  } else {
    final = not_started(pid.error());
  }
  INSULA_CO_TRY_VOID(
      co_await socket->write_binary(std::string(1, static_cast<char>(kError)) + final));
  co_return co_await socket->close(kNormalClosure, "", Loop::current().now() + kCloseTimeout);
}

}  // namespace insula::node
