#include "api/accepted_specs.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/platform_objects.h"

namespace insula::api {
namespace {

std::string_view uid_of(const ControllerRevision& record) {
  const auto found = record.metadata.labels.find(kAcceptedUidLabel);
  return found == record.metadata.labels.end() ? std::string_view() : found->second;
}

template <class T>
ControllerRevision record_of(const T& object, const char* kind, std::string_view prefix) {
  T bare;
  bare.spec = object.spec;
  ControllerRevision record;
  record.metadata.namespace_ = kSystemNamespace;
  record.metadata.name =
      fmt::format("{}-{}-{}", prefix, object.metadata.uid, object.metadata.generation);
  record.metadata.labels = {{kAcceptedLabel, kind}, {kAcceptedUidLabel, object.metadata.uid}};
  record.revision = object.metadata.generation;
  record.data.text = encode_json(bare);
  return record;
}

}  // namespace

ControllerRevision accepted_record(const HTTPRoute& route) {
  return record_of(route, "HTTPRoute", "httproute");
}

ControllerRevision accepted_record(const Gateway& gateway) {
  return record_of(gateway, "Gateway", "gateway");
}

AcceptedSpecs::AcceptedSpecs(const AcceptedRecords& records) {
  for (const auto& record : records) {
    const std::string_view uid = uid_of(*record);
    if (uid.empty()) continue;
    const ControllerRevision*& newest = by_uid_[uid];
    if (newest == nullptr || newest->revision < record->revision) newest = record.get();
  }
}

const ControllerRevision* AcceptedSpecs::find(std::string_view uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : found->second;
}

template <class T>
std::shared_ptr<const T> AcceptedSpecs::read(const T& now) const {
  const ControllerRevision* record = find(now.metadata.uid);
  if (record == nullptr) return nullptr;
  auto read = decode_json<T>(record->data.text);
  if (!read || read->spec == now.spec) return nullptr;
  auto earlier = std::make_shared<T>(now);
  earlier->spec = std::move(read->spec);
  earlier->metadata.generation = record->revision;
  return earlier;
}

std::shared_ptr<const HTTPRoute> AcceptedSpecs::earlier(const HTTPRoute& now) const {
  return read(now);
}

std::shared_ptr<const Gateway> AcceptedSpecs::earlier(const Gateway& now) const {
  return read(now);
}

}  // namespace insula::api
