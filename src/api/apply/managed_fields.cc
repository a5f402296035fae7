#include "api/apply/managed_fields.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace insula::api {

namespace {

using Operation = FieldWriter::Operation;

constexpr const char* kFieldsType = "FieldsV1";

std::int64_t seconds_of(const std::optional<Time>& time) {
  return time ? time->seconds : 0;
}

bool is_older(const ManagedFields::Manager& a, const ManagedFields::Manager& b) {
  const auto key = [](const ManagedFields::Manager& m) {
    return std::tuple(seconds_of(m.time), std::string_view(m.writer.name),
                      std::string_view(m.writer.api_version),
                      std::string_view(m.writer.subresource));
  };
  return key(a) < key(b);
}

FieldSet changed_fields(const Comparison& change) {
  FieldSet out = change.added;
  out.unite(change.modified);
  return out;
}

}  // namespace

bool FieldWriter::is_same(const FieldWriter& other) const {
  return name == other.name && operation == other.operation && subresource == other.subresource &&
         (operation == Operation::kApply || api_version == other.api_version);
}

Result<ManagedFields> ManagedFields::decode(const std::vector<ManagedFieldsEntry>& entries) {
  ManagedFields out;
  for (const ManagedFieldsEntry& entry : entries) {
    const bool applied = entry.operation == "Apply";
    if (!applied && entry.operation != "Update")
      return fail(ErrorCode::kBadRequest, "managedFields: operation must be `Apply` or `Update`");
    if (entry.fields_type != kFieldsType)
      return fail(ErrorCode::kBadRequest, "managedFields: fieldsType must be `FieldsV1`");
    Manager manager{{entry.manager, applied ? Operation::kApply : Operation::kUpdate,
                     entry.api_version, entry.subresource},
                    entry.time,
                    {}};
    if (!entry.fields_v1.empty()) {
      INSULA_TRY(manager.fields, parse_fields_v1(entry.fields_v1.text));
    }
    if (Manager* present = out.find(manager.writer)) {
      present->fields.unite(manager.fields);
    } else {
      out.managers_.push_back(std::move(manager));
    }
  }
  return out;
}

std::vector<ManagedFieldsEntry> ManagedFields::encode() const {
  std::vector<const Manager*> order;
  order.reserve(managers_.size());
  for (const Manager& manager : managers_)
    order.push_back(&manager);
  std::ranges::sort(order, [](const Manager* a, const Manager* b) {
    if (a->writer.operation != b->writer.operation)
      return a->writer.operation < b->writer.operation;
    return is_older(*a, *b);
  });
  std::vector<ManagedFieldsEntry> out;
  out.reserve(order.size());
  for (const Manager* manager : order) {
    ManagedFieldsEntry& entry = out.emplace_back();
    entry.manager = manager->writer.name;
    entry.operation = manager->writer.operation == Operation::kApply ? "Apply" : "Update";
    entry.api_version = manager->writer.api_version;
    entry.time = manager->time;
    entry.fields_type = kFieldsType;
    entry.fields_v1.text = write_fields_v1(manager->fields);
    entry.subresource = manager->writer.subresource;
  }
  return out;
}

const ManagedFields::Manager* ManagedFields::find(const FieldWriter& writer) const {
  const auto at = std::ranges::find_if(
      managers_, [&](const Manager& manager) { return manager.writer.is_same(writer); });
  return at != managers_.end() ? &*at : nullptr;
}

ManagedFields::Manager* ManagedFields::find(const FieldWriter& writer) {
  return const_cast<Manager*>(std::as_const(*this).find(writer));
}

FieldSet ManagedFields::all(const FieldWriter* except) const {
  FieldSet out;
  for (const Manager& manager : managers_) {
    if (except == nullptr || !manager.writer.is_same(*except)) out.unite(manager.fields);
  }
  return out;
}

void ManagedFields::update(const FieldWriter& writer, const Comparison& change, Time now) {
  FieldSet own = changed_fields(change);
  for (Manager& manager : managers_) {
    if (!manager.writer.is_same(writer)) manager.fields.subtract(own);
    manager.fields.subtract(change.removed);
  }
  own.subtract(unowned_fields());
  if (!own.empty()) {
    Manager* manager = find(writer);
    if (manager == nullptr) manager = &managers_.emplace_back(Manager{writer, {}, {}});
    manager->fields.unite(own);
    manager->time = now;
  }
  drop_empty();
  cap_update_managers();
}

std::vector<FieldConflict> ManagedFields::conflicts(const FieldWriter& writer,
                                                    const Comparison& change) const {
  const FieldSet fields = changed_fields(change);
  std::vector<FieldConflict> out;
  for (const Manager& manager : managers_) {
    if (manager.writer.is_same(writer)) continue;
    FieldSet both = manager.fields.intersection(fields);
    if (!both.empty()) out.push_back({manager.writer, std::move(both)});
  }
  std::ranges::sort(out, {}, [](const FieldConflict& conflict) { return conflict.owner.name; });
  return out;
}

void ManagedFields::apply(const FieldWriter& writer,
                          FieldSet fields,
                          const Comparison& change,
                          Time now) {
  fields.subtract(unowned_fields());
  const FieldSet changed = changed_fields(change);
  for (Manager& manager : managers_) {
    if (manager.writer.is_same(writer)) continue;
    manager.fields.subtract(changed);
    manager.fields.subtract(change.removed);
  }
  Manager* manager = find(writer);
  if (manager == nullptr) manager = &managers_.emplace_back(Manager{writer, now, {}});
  const bool version_changed = manager->writer.api_version != writer.api_version;
  if (!change.same() || version_changed || manager->fields != fields) manager->time = now;
  manager->writer = writer;
  manager->fields = std::move(fields);
  drop_empty();
}

void ManagedFields::drop_empty() {
  std::erase_if(managers_, [](const Manager& manager) { return manager.fields.empty(); });
}

void ManagedFields::cap_update_managers() {
  std::vector<Manager*> updaters;
  for (Manager& manager : managers_) {
    if (manager.writer.operation == Operation::kUpdate) updaters.push_back(&manager);
  }
  if (updaters.size() <= kUpdateManagersMax) return;
  std::ranges::sort(updaters, [](const Manager* a, const Manager* b) { return is_older(*a, *b); });
  // The oldest ones of each version become one manager, until few enough are left.
  std::vector<Manager*> buckets;
  std::size_t count = updaters.size();
  for (Manager* manager : updaters) {
    if (count <= kUpdateManagersMax) break;
    const auto at = std::ranges::find_if(buckets, [&](const Manager* bucket) {
      return bucket->writer.api_version == manager->writer.api_version;
    });
    if (at == buckets.end()) {
      buckets.push_back(manager);
      continue;
    }
    Manager& bucket = **at;
    bucket.writer.name = kAncientChanges;
    bucket.writer.subresource.clear();
    bucket.time = manager->time;
    bucket.fields.unite(std::exchange(manager->fields, FieldSet()));
    --count;
  }
  drop_empty();
}

const FieldSet& unowned_fields() {
  static const FieldSet fields = [] {
    FieldSet metadata = FieldSet::leaf();
    for (const char* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid",
                             "clusterName", "generation", "managedFields", "resourceVersion"})
      metadata.add(PathElement::field(name), FieldSet::leaf());
    FieldSet out;
    out.add(PathElement::field("metadata"), std::move(metadata));
    return out;
  }();
  return fields;
}

bool resets_managed_fields(const std::vector<ManagedFieldsEntry>& entries) {
  return entries.size() == 1 && entries.front() == ManagedFieldsEntry{};
}

}  // namespace insula::api
