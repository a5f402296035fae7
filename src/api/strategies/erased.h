#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/meta_v1.h"
#include "api/strategy.h"

/// Typed functions in the forms that KindStrategy wants. T is the kind's struct.
namespace insula::api::erased {

template <class T, void (*F)(T&)>
void change(void* object) {
  F(*static_cast<T*>(object));
}

template <class T, void (*F)(T&, const T&, std::string_view)>
void change_from(void* object, const void* old, std::string_view subresource) {
  F(*static_cast<T*>(object), *static_cast<const T*>(old), subresource);
}

template <class T, void (*F)(const T&, FieldErrors&)>
void check(const void* object, FieldErrors& errors) {
  F(*static_cast<const T*>(object), errors);
}

template <class T, void (*F)(const T&, const T&, std::string_view, FieldErrors&)>
void check_from(const void* object,
                const void* old,
                std::string_view subresource,
                FieldErrors& errors) {
  F(*static_cast<const T*>(object), *static_cast<const T*>(old), subresource, errors);
}

template <class T, std::vector<Cell> (*F)(const T&, WallTime)>
std::vector<Cell> row(const void* object, WallTime now) {
  return F(*static_cast<const T*>(object), now);
}

template <class T, std::string (*F)(const T&)>
std::string text(const void* object) {
  return F(*static_cast<const T*>(object));
}

/// Undoes what a write changes in metadata, but for who owns which fields.
inline void keep_metadata(ObjectMeta& now, const ObjectMeta& before) {
  std::vector<ManagedFieldsEntry> owners = std::move(now.managed_fields);
  now = before;
  now.managed_fields = std::move(owners);
}

/// For kinds with spec and status: nobody writes both at once.
template <class T>
void keep_other_half(void* object, const void* old, std::string_view subresource) {
  T& now = *static_cast<T*>(object);
  const T& before = *static_cast<const T*>(old);
  if (subresource == "status") {
    now.spec = before.spec;
  } else {
    now.status = before.status;
  }
}

/// The same where a status does not change metadata either.
template <class T>
void keep_all_but_half(void* object, const void* old, std::string_view subresource) {
  keep_other_half<T>(object, old, subresource);
  if (subresource == "status")
    keep_metadata(static_cast<T*>(object)->metadata, static_cast<const T*>(old)->metadata);
}

template <class T>
void drop_status(void* object) {
  static_cast<T*>(object)->status = {};
}

/// The Warning of a kind that is kept and shown while nothing acts on it: who writes it must know.
[[nodiscard]] inline std::vector<std::string> not_acted_on(std::string_view kind,
                                                           std::string_view consequence) {
  return {std::string(kind) +
          " is stored but not acted on by this server yet: " + std::string(consequence)};
}

template <class T>
bool spec_changed(const void* object, const void* old) {
  return !(static_cast<const T*>(object)->spec == static_cast<const T*>(old)->spec);
}

}  // namespace insula::api::erased
