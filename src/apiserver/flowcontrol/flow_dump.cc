#include "apiserver/flowcontrol/flow_dump.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "apiserver/flowcontrol/flow_ticket.h"

namespace insula::apiserver {

namespace {

/// Rows whose columns are as wide as their widest cell.
class Table {
 public:
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], row[i].size() + 2);  // a comma and a space
    }
    std::string out;
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i + 1 < row.size(); ++i)
        out += fmt::format("{:<{}}", row[i] + ",", std::max(widths[i], kWidthMin));
      out += row.back() + "\n";
    }
    return out;
  }

 private:
  static constexpr std::size_t kWidthMin = 8;

  std::vector<std::vector<std::string>> rows_;
};

const FlowTicket& ticket_of(const QueueSet::Request* request) {
  return static_cast<const FlowTicket&>(*request);
}

std::uint64_t rejected(const PriorityLevel& level, FlowRejection reason) {
  return level.rejected.at(static_cast<std::size_t>(reason));
}

std::string dump_levels(const PriorityLevels& levels) {
  Table table;
  table.add({"PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests",
             "ExecutingRequests", "DispatchedRequests", "RejectedRequests", "TimedoutRequests",
             "CancelledRequests"});
  for (const auto& [name, level] : levels) {
    std::size_t active = 0;
    for (const auto& [number, queue] : level->queues.state())
      active += queue.waiting.empty() ? 0 : 1;
    std::uint64_t all = 0;
    for (const std::uint64_t count : level->rejected)
      all += count;
    table.add({name, std::to_string(active), fmt::format("{}", level->is_idle()),
               fmt::format("{}", level->is_quiescing), std::to_string(level->queues.waiting()),
               std::to_string(level->queues.executing()), std::to_string(level->dispatched),
               std::to_string(all), std::to_string(rejected(*level, FlowRejection::kTimeOut)),
               std::to_string(rejected(*level, FlowRejection::kCancelled))});
  }
  return table.text();
}

std::string seat_seconds(double value) {
  return fmt::format("{:.8f}ss", value);
}

/// Seats and work of what waits in a queue.
struct QueueSum {
  std::size_t initial = 0;
  std::size_t most = 0;
  double work = 0;
};

QueueSum sum_of(const QueueSet::QueueState& queue) {
  QueueSum sum;
  for (const QueueSet::Request* request : queue.waiting) {
    sum.initial += request->work.seats;
    sum.most += request->work.seats_max();
    sum.work += QueueSet::guess(request->work);
  }
  return sum;
}

std::string dump_queues(const PriorityLevels& levels) {
  Table table;
  table.add({"PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse",
             "NextDispatchR", "InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum"});
  for (const auto& [name, level] : levels) {
    if (!level->has_queues()) continue;
    auto queues = level->queues.state();
    for (std::uint32_t i = 0; i < level->queues.config().queues; ++i)
      queues.try_emplace(i);
    for (const auto& [number, queue] : queues) {
      const QueueSum sum = sum_of(queue);
      table.add({name, std::to_string(number), std::to_string(queue.waiting.size()),
                 std::to_string(queue.executing.size()), std::to_string(queue.seats_in_use),
                 seat_seconds(queue.virtual_start), std::to_string(sum.initial),
                 std::to_string(sum.most), seat_seconds(sum.work)});
    }
  }
  return table.text();
}

/// `at` as RFC 3339 with nanoseconds; the zero time of what has not happened.
std::string time_text(SteadyTime at, const DumpTime& now) {
  if (at == SteadyTime{}) return "0001-01-01T00:00:00Z";
  const auto wall = now.wall - (now.steady - at);
  const auto second = std::chrono::floor<std::chrono::seconds>(wall);
  const auto fraction = std::chrono::duration_cast<std::chrono::nanoseconds>(wall - second);
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%S}.{:09}Z",
      fmt::gmtime(std::chrono::system_clock::to_time_t(
          std::chrono::time_point_cast<std::chrono::system_clock::duration>(second))),
      fraction.count());
}

struct Place {
  std::int64_t queue = -1;  // -1: in none
  std::int64_t index = -1;  // -1: it is served
};

std::vector<std::string> request_row(const FlowTicket& ticket,
                                     const Place& place,
                                     const DumpTime& now,
                                     bool with_details) {
  const auto latency =
      std::chrono::duration_cast<std::chrono::milliseconds>(ticket.work.additional_latency);
  std::vector<std::string> row = {
      ticket.flow().level->name(),
      ticket.flow().schema->metadata.name,
      std::to_string(place.queue),
      std::to_string(place.index),
      ticket.distinguisher(),
      time_text(ticket.arrived, now),
      std::to_string(ticket.work.seats),
      std::to_string(ticket.work.final_seats),
      latency.count() == 0 ? std::string("0s") : fmt::format("{}ms", latency.count()),
      time_text(ticket.began, now)};
  if (!with_details) return row;
  const RequestInfo& info = ticket.info();
  const std::string version = info.group.empty() ? info.version : info.group + "/" + info.version;
  for (const std::string& cell : {ticket.user().name, info.verb, info.path, info.name_space,
                                  info.name, version, info.resource, info.subresource})
    row.push_back(cell);
  return row;
}

std::string dump_requests(const PriorityLevels& levels, const DumpTime& now, bool with_details) {
  Table table;
  std::vector<std::string> head = {
      "PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher",
      "ArriveTime",        "InitialSeats",   "FinalSeats", "AdditionalLatency",   "StartTime"};
  if (with_details) {
    for (const char* name : {"UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion",
                             "Resource", "SubResource"})
      head.emplace_back(name);
  }
  table.add(std::move(head));
  for (const auto& [name, level] : levels) {
    for (const auto& [number, queue] : level->queues.state()) {
      const std::int64_t shown = level->has_queues() ? std::int64_t{number} : -1;
      std::int64_t index = 0;
      for (const QueueSet::Request* request : queue.waiting)
        table.add(request_row(ticket_of(request), {shown, index++}, now, with_details));
      for (const QueueSet::Request* request : queue.executing)
        table.add(request_row(ticket_of(request), {shown, -1}, now, with_details));
    }
  }
  return table.text();
}

}  // namespace

std::optional<std::string> dump_flows(std::string_view name,
                                      const PriorityLevels& levels,
                                      const DumpTime& now,
                                      bool with_details) {
  if (name == "dump_priority_levels") return dump_levels(levels);
  if (name == "dump_queues") return dump_queues(levels);
  if (name == "dump_requests") return dump_requests(levels, now, with_details);
  return std::nullopt;
}

}  // namespace insula::apiserver
