#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/kind.h"
#include "api/schema.h"

/// What the generated sources build their tables from. Included by them only.
namespace insula::api::gen {

inline constexpr ValueInfo kScalarString{ValueKind::kString};
inline constexpr ValueInfo kScalarBool{ValueKind::kBool};
inline constexpr ValueInfo kScalarInt32{ValueKind::kInt32};
inline constexpr ValueInfo kScalarInt64{ValueKind::kInt64};
inline constexpr ValueInfo kScalarDouble{ValueKind::kDouble};
inline constexpr ValueInfo kScalarBytes{ValueKind::kBytes};
inline constexpr ValueInfo kScalarTime{ValueKind::kTime};
inline constexpr ValueInfo kScalarMicroTime{ValueKind::kMicroTime};
inline constexpr ValueInfo kScalarQuantity{ValueKind::kQuantity};
inline constexpr ValueInfo kScalarIntOrString{ValueKind::kIntOrString};
inline constexpr ValueInfo kScalarRawJson{ValueKind::kRawJson};

template <class List>
inline constexpr ContainerOps kListOps{
    [](const void* c) { return static_cast<const List*>(c)->size(); },
    [](void* c) { static_cast<List*>(c)->clear(); },
    [](void* c, std::size_t size) { static_cast<List*>(c)->reserve(size); },
    [](void* c, std::string_view) -> void* { return &static_cast<List*>(c)->emplace_back(); },
    [](const void* c, void* context, ContainerOps::Visitor visit) {
      for (const auto& element : *static_cast<const List*>(c))
        visit(context, {}, &element);
    },
};

template <class Map>
inline constexpr ContainerOps kMapOps{
    [](const void* c) { return static_cast<const Map*>(c)->size(); },
    [](void* c) { static_cast<Map*>(c)->clear(); },
    [](void*, std::size_t) {},
    [](void* c, std::string_view key) -> void* {
      return &(*static_cast<Map*>(c))[std::string(key)];
    },
    [](const void* c, void* context, ContainerOps::Visitor visit) {
      for (const auto& [key, element] : *static_cast<const Map*>(c))
        visit(context, key, &element);
    },
};

template <class Pointer>
inline constexpr ContainerOps kPointerOps{
    [](const void* c) -> std::size_t {
      return static_cast<const Pointer*>(c)->has_value() ? 1 : 0;
    },
    [](void* c) { static_cast<Pointer*>(c)->reset(); },
    [](void*, std::size_t) {},
    [](void* c, std::string_view) -> void* { return &static_cast<Pointer*>(c)->emplace(); },
    [](const void* c, void* context, ContainerOps::Visitor visit) {
      const auto& pointer = *static_cast<const Pointer*>(c);
      if (pointer.has_value()) visit(context, {}, &*pointer);
    },
};

template <class T>
constexpr TypeOps type_ops() {
  return {
      sizeof(T),
      []() -> void* { return new T(); },
      [](const void* object) -> void* { return new T(*static_cast<const T*>(object)); },
      [](void* object) { delete static_cast<T*>(object); },
      [](const void* a, const void* b) {
        return *static_cast<const T*>(a) == *static_cast<const T*>(b);
      },
  };
}

[[nodiscard]] std::span<const Kind* const> served_kinds();
[[nodiscard]] std::span<const Kind* const> stored_kinds();
[[nodiscard]] std::span<const Kind* const> all_kinds();
/// Changes when any schema file does.
[[nodiscard]] std::string_view schema_digest();

}  // namespace insula::api::gen
