#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "client/client.h"
#include "json/value.h"

namespace insula::client {

/// The struct forms of Client. Decoding is lenient (unknown fields are dropped): a newer server may
/// send more than this build knows.

/// One page of a collection, or all of it.
template <class T>
struct ObjectList {
  std::vector<T> items;
  std::string resource_version;  // where a watch goes on
  std::string continue_token;    // empty: this was the last page
};

/// The parts of a `...List` object.
[[nodiscard]] Result<Page> decode_page(std::string_view text);

/// The metadata of an object of any kind.
[[nodiscard]] Result<api::ObjectMeta> decode_metadata(const json::Value& object);
[[nodiscard]] Result<api::ObjectMeta> metadata_of(const api::Kind& kind, const PageItem& item);
[[nodiscard]] Result<api::ObjectMeta> metadata_of(const api::Kind& kind, const WatchEvent& event);

/// The struct of a page's item or of a watch event, without a copy where the client has it already.
/// Requires: T is the kind that was asked for.
template <class T>
[[nodiscard]] Result<std::shared_ptr<const T>> decode_item(const PageItem& item) {
  if (item.decoded) return std::static_pointer_cast<const T>(item.decoded);
  INSULA_TRY(T object, api::decode_json<T>(item.json));
  return std::make_shared<const T>(std::move(object));
}

template <class T>
[[nodiscard]] Result<std::shared_ptr<const T>> decode_event(const WatchEvent& event) {
  if (event.decoded) return std::static_pointer_cast<const T>(event.decoded);
  INSULA_TRY(T object, api::decode_json<T>(std::string_view(event.object)));
  return std::make_shared<const T>(std::move(object));
}

template <class T>
[[nodiscard]] Target target_of(std::string name_space,
                               std::string name = {},
                               std::string subresource = {}) {
  return {&api::kind_of<T>(), std::move(name_space), std::move(name), std::move(subresource)};
}

/// The URL of an object that exists, for writes.
template <class T>
[[nodiscard]] Target target_of(const T& object, std::string subresource = {}) {
  return {&api::kind_of<T>(), object.metadata.namespace_, object.metadata.name,
          std::move(subresource)};
}

template <class T>
[[nodiscard]] Result<T> decode(Result<std::string> answer) {
  if (!answer) return std::unexpected(std::move(answer).error());
  return api::decode_json<T>(std::string_view(*answer));
}

template <class T>
Task<Result<T>> get(Client& client, std::string name_space, std::string name) {
  co_return decode<T>(co_await client.get(target_of<T>(std::move(name_space), std::move(name))));
}

template <class T>
Task<Result<ObjectList<T>>> list(Client& client,
                                 std::string name_space = {},
                                 ListOptions options = {}) {
  Target target = target_of<T>(std::move(name_space));
  INSULA_CO_TRY(Page page, co_await client.page(std::move(target), std::move(options)));
  ObjectList<T> out{{}, std::move(page.resource_version), std::move(page.continue_token)};
  out.items.reserve(page.items.size());
  for (const PageItem& item : page.items) {
    INSULA_CO_TRY(const std::shared_ptr<const T> object, decode_item<T>(item));
    out.items.push_back(*object);
  }
  co_return out;
}

/// The stored form, with uid, resourceVersion and defaults.
template <class T>
Task<Result<T>> create(Client& client, T object, WriteOptions options = {}) {
  Target target = target_of<T>(object.metadata.namespace_);
  std::string text = api::encode_json(object);
  co_return decode<T>(
      co_await client.create(std::move(target), std::move(text), std::move(options)));
}

/// Replaces the object. With metadata.resourceVersion set, kConflict when it changed since.
template <class T>
Task<Result<T>> update(Client& client, T object, WriteOptions options = {}) {
  Target target = target_of(object);
  std::string text = api::encode_json(object);
  co_return decode<T>(
      co_await client.update(std::move(target), std::move(text), std::move(options)));
}

/// Replaces the status; everything else in `object` is ignored by the server.
template <class T>
Task<Result<T>> update_status(Client& client, T object, WriteOptions options = {}) {
  Target target = target_of(object, "status");
  std::string text = api::encode_json(object);
  co_return decode<T>(
      co_await client.update(std::move(target), std::move(text), std::move(options)));
}

/// A change, in the form that its type says.
struct Patch {
  PatchType type = PatchType::kMerge;
  std::string body;
};

template <class T>
Task<Result<T>> patch(Client& client,
                      std::string name_space,
                      std::string name,
                      Patch patch,
                      WriteOptions options = {}) {
  Target target = target_of<T>(std::move(name_space), std::move(name));
  co_return decode<T>(co_await client.patch(std::move(target), patch.type, std::move(patch.body),
                                            std::move(options)));
}

/// kNotFound when there was nothing to delete.
template <class T>
Task<Result<>> remove(Client& client,
                      std::string name_space,
                      std::string name,
                      DeleteOptions options = {}) {
  Target target = target_of<T>(std::move(name_space), std::move(name));
  INSULA_CO_TRY_VOID(co_await client.remove(std::move(target), std::move(options)));
  co_return Result<>{};
}

/// How often modify() reads again before it gives the conflict back.
inline constexpr int kConflictRetriesMax = 5;

enum class ModifyPart : std::uint8_t { kObject, kStatus };

/// Reads, changes and writes one object, again when somebody else wrote in between.
///
/// `change` edits the object in place and returns false to leave it as it is. It may run several
/// times.
template <class T>
Task<Result<T>> modify(Client& client,
                       std::string name_space,
                       std::string name,
                       std::function<bool(T&)> change,
                       ModifyPart part = ModifyPart::kObject) {
  for (int attempt = 0;; ++attempt) {
    INSULA_CO_TRY(T object, co_await get<T>(client, name_space, name));
    if (!change(object)) co_return object;
    Result<T> written = part == ModifyPart::kStatus
                            ? co_await update_status(client, std::move(object))
                            : co_await update(client, std::move(object));
    const bool conflict = !written && written.error().code() == ErrorCode::kConflict;
    if (!conflict || attempt >= kConflictRetriesMax) co_return written;
  }
}

/// Creates the object, or returns the one that is already there under its name, unchanged.
template <class T>
Task<Result<T>> ensure(Client& client, T object) {
  std::string name_space = object.metadata.namespace_;
  std::string name = object.metadata.name;
  Result<T> created = co_await create(client, std::move(object));
  if (created || created.error().code() != ErrorCode::kAlreadyExists) co_return created;
  co_return co_await get<T>(client, std::move(name_space), std::move(name));
}

}  // namespace insula::client
