#include "node/node_reporter.h"

#include <utility>

#include "api/codec.h"
#include "api/gen/coordination_v1.h"
#include "async/loop.h"
#include "client/typed.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::node {
namespace {

constexpr auto kRenewEvery = std::chrono::seconds(10);
constexpr auto kRenewAgain = std::chrono::seconds(1);
constexpr std::int32_t kLeaseSeconds = 40;
constexpr const char* kLeaseNamespace = "kube-node-lease";

}  // namespace

NodeReporter::NodeReporter(client::Client& client, NodeFacts facts, std::string data_dir, Log log)
    : client_(client),
      facts_(std::move(facts)),
      data_dir_(std::move(data_dir)),
      log_(std::move(log)) {}

void NodeReporter::start() {
  tasks_.spawn(renew_for_ever());
}

Task<Result<>> NodeReporter::register_node() {
  measure_pressure();
  api::Node wanted = node_object(facts_);
  const Result<api::Node> created = co_await client::create(client_, wanted);
  if (!created && created.error().code() != ErrorCode::kAlreadyExists)
    co_return std::unexpected(created.error());
  if (!created) {
    json::Value patch;
    patch["metadata"]["labels"] = api::to_json(wanted.metadata)["labels"];
    // Labels of GPUs that are gone, or no longer simulated, must not stay.
    for (const char* label :
         {kSimulatedGpuLabel, "nvidia.com/gpu.present", "nvidia.com/gpu.count"}) {
      if (!wanted.metadata.labels.contains(label)) patch["metadata"]["labels"][label] = nullptr;
    }
    const auto note = wanted.metadata.annotations.find(kSimulatedGpuLabel);
    if (note != wanted.metadata.annotations.end()) {
      patch["metadata"]["annotations"][kSimulatedGpuLabel] = note->second;
    } else {
      patch["metadata"]["annotations"][kSimulatedGpuLabel] = nullptr;
    }
    INSULA_CO_TRY_VOID(co_await client_.patch(client::target_of<api::Node>("", facts_.name),
                                              client::PatchType::kMerge, json::write(patch), {}));
  }
  INSULA_CO_TRY_VOID(co_await write_status());
  const Result<> leased = co_await renew_lease();
  if (!leased) log_.warn("lease not renewed", "node", facts_.name, "err", leased.error());
  co_return Result<>{};
}

Task<Result<>> NodeReporter::write_status() {
  const api::Time now = api::Time::from(Loop::current().clock().wall());
  auto change = [this, now](api::Node& node) {
    api::NodeStatus status = node_status(facts_, node.status, now);
    if (status == node.status) return false;
    node.status = std::move(status);
    return true;
  };
  const auto written = co_await client::modify<api::Node>(
      client_, "", facts_.name, std::move(change), client::ModifyPart::kStatus);
  if (!written) co_return std::unexpected(written.error());
  co_return Result<>{};
}

Task<Result<>> NodeReporter::renew_lease() {
  const api::MicroTime now = api::MicroTime::from(Loop::current().clock().wall());
  json::Value patch;
  patch["spec"]["renewTime"] = now.text();
  const Result<std::string> renewed =
      co_await client_.patch(client::target_of<api::Lease>(kLeaseNamespace, facts_.name),
                             client::PatchType::kMerge, json::write(patch), {});
  if (renewed) co_return Result<>{};
  if (renewed.error().code() != ErrorCode::kNotFound) co_return std::unexpected(renewed.error());
  api::Lease lease;
  lease.metadata.name = facts_.name;
  lease.metadata.namespace_ = kLeaseNamespace;
  lease.spec.holder_identity = facts_.name;
  lease.spec.lease_duration_seconds = kLeaseSeconds;
  lease.spec.acquire_time = now;
  lease.spec.renew_time = now;
  const Result<api::Lease> created = co_await client::create(client_, std::move(lease));
  if (!created) co_return std::unexpected(created.error());
  co_return Result<>{};
}

void NodeReporter::measure_pressure() {
  facts_.memory_pressure = memory_is_short();
  facts_.disk_pressure = disk_is_short(data_dir_);
  facts_.pid_pressure = pids_are_short();
}

Task<> NodeReporter::renew_for_ever() {
  while (true) {
    measure_pressure();
    // Compared with what the API has, not with what was written last: after a silence the control
    // plane has declared the node's conditions unknown, and nobody else sets them right.
    if (const Result<> written = co_await write_status(); !written)
      log_.debug("node status not written", "err", written.error());
    const Result<> renewed = co_await renew_lease();
    if (!renewed) log_.debug("lease not renewed", "err", renewed.error());
    co_await sleep_for(renewed ? std::chrono::nanoseconds(kRenewEvery)
                               : std::chrono::nanoseconds(kRenewAgain));
  }
}

}  // namespace insula::node
