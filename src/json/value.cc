#include "json/value.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace insula::json {

/// Open addressing over positions in members_: linear probing, at most half full, removal by
/// shifting back. Keys stay in the members, so an entry costs four bytes.
class Object::Index {
 public:
  explicit Index(const std::vector<Member>& members) { rebuild(members); }

  [[nodiscard]] std::size_t find(std::string_view key, const std::vector<Member>& members) const {
    for (std::size_t slot = home(key); slots_[slot] != 0; slot = next(slot)) {
      if (members[slots_[slot] - 1].key == key) return slots_[slot] - 1;
    }
    return members.size();
  }

  /// Adds the last of `members`.
  void added(const std::vector<Member>& members) {
    if (members.size() * 2 > slots_.size()) {
      rebuild(members);
    } else {
      place(members.back().key, members.size() - 1);
    }
  }

  /// Forgets the member at `position`, while `members` still has it.
  void removing(std::size_t position, const std::vector<Member>& members) {
    std::size_t gap = slot_of(position, members);
    slots_[gap] = 0;
    for (std::size_t slot = next(gap); slots_[slot] != 0; slot = next(slot)) {
      const std::size_t wanted = home(members[slots_[slot] - 1].key);
      const bool may_stay =
          gap < slot ? (wanted > gap && wanted <= slot) : (wanted > gap || wanted <= slot);
      if (may_stay) continue;
      slots_[gap] = slots_[slot];
      slots_[slot] = 0;
      gap = slot;
    }
  }

  /// The member at `from` is about to stand at `to`.
  void moving(std::size_t from, std::size_t to, const std::vector<Member>& members) {
    slots_[slot_of(from, members)] = static_cast<std::uint32_t>(to + 1);
  }

 private:
  void rebuild(const std::vector<Member>& members) {
    std::size_t size = 64;
    while (size < members.size() * 4)
      size *= 2;
    slots_.assign(size, 0);
    for (std::size_t i = 0; i < members.size(); ++i)
      place(members[i].key, i);
  }

  void place(std::string_view key, std::size_t position) {
    std::size_t slot = home(key);
    while (slots_[slot] != 0)
      slot = next(slot);
    slots_[slot] = static_cast<std::uint32_t>(position + 1);
  }

  [[nodiscard]] std::size_t slot_of(std::size_t position,
                                    const std::vector<Member>& members) const {
    std::size_t slot = home(members[position].key);
    while (slots_[slot] != position + 1)
      slot = next(slot);
    return slot;
  }

  [[nodiscard]] std::size_t home(std::string_view key) const {
    return std::hash<std::string_view>{}(key) & (slots_.size() - 1);
  }

  [[nodiscard]] std::size_t next(std::size_t slot) const {
    return (slot + 1) & (slots_.size() - 1);
  }

  std::vector<std::uint32_t> slots_;  // position + 1; 0 is empty
};

Object::Object() = default;

Object::Object(std::initializer_list<Member> members) {
  reserve(members.size());
  for (const auto& member : members)
    set(member.key, member.value);
}

Object::Object(const Object& other)
    : members_(other.members_),
      index_(other.index_ ? std::make_unique<Index>(*other.index_) : nullptr) {}

Object::Object(Object&& other) noexcept = default;

Object& Object::operator=(const Object& other) {
  if (this != &other) *this = Object(other);
  return *this;
}

Object& Object::operator=(Object&& other) noexcept = default;
Object::~Object() = default;

void Object::reserve(std::size_t size) {
  members_.reserve(size);
}

std::size_t Object::position(std::string_view key) const {
  if (index_) return index_->find(key, members_);
  std::size_t i = 0;
  while (i < members_.size() && members_[i].key != key)
    ++i;
  return i;
}

Value* Object::find(std::string_view key) {
  const std::size_t i = position(key);
  return i < members_.size() ? &members_[i].value : nullptr;
}

const Value* Object::find(std::string_view key) const {
  const std::size_t i = position(key);
  return i < members_.size() ? &members_[i].value : nullptr;
}

Value& Object::append(std::string key, Value value) {
  members_.push_back({std::move(key), std::move(value)});
  if (index_) {
    index_->added(members_);
  } else if (members_.size() >= kIndexFrom) {
    index_ = std::make_unique<Index>(members_);
  }
  return members_.back().value;
}

Value& Object::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return append(std::string(key), {});
}

bool Object::set(std::string key, Value value) {
  if (Value* found = find(key)) {
    *found = std::move(value);
    return false;
  }
  append(std::move(key), std::move(value));
  return true;
}

bool Object::erase(std::string_view key) {
  const std::size_t i = position(key);
  if (i == members_.size()) return false;
  if (!index_) {
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  index_->removing(i, members_);
  const std::size_t last = members_.size() - 1;
  if (i != last) {
    index_->moving(last, i, members_);
    members_[i] = std::move(members_[last]);
  }
  members_.pop_back();
  return true;
}

void Object::sort() {
  std::ranges::sort(members_, {}, &Member::key);
  if (index_) index_ = std::make_unique<Index>(members_);
}

bool operator==(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(a.members_, [&b](const Object::Member& member) {
    const Value* other = b.find(member.key);
    return other != nullptr && *other == member.value;
  });
}

void Value::set_unsigned(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = value;
  } else {
    value_ = static_cast<std::int64_t>(value);
  }
}

std::optional<bool> Value::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  return std::nullopt;
}

std::optional<std::int64_t> Value::as_int64() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  const auto* number = std::get_if<double>(&value_);
  // 2^63 is the first double above int64; -2^63 is the last within.
  constexpr double kLimit = 9223372036854775808.0;
  if (number == nullptr || !(*number >= -kLimit && *number < kLimit) ||
      std::trunc(*number) != *number)
    return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<std::uint64_t> Value::as_uint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  const auto value = as_int64();
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::optional<double> Value::as_double() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  return std::nullopt;
}

std::string_view Value::text(std::string_view otherwise) const {
  const std::string* value = as_string();
  return value != nullptr ? std::string_view(*value) : otherwise;
}

const Value* Value::find(std::string_view key) const {
  const Object* object = as_object();
  return object != nullptr ? object->find(key) : nullptr;
}

Value* Value::find(std::string_view key) {
  Object* object = as_object();
  return object != nullptr ? object->find(key) : nullptr;
}

const Value& Value::operator[](std::string_view key) const {
  static const Value null;
  const Value* found = find(key);
  return found != nullptr ? *found : null;
}

Value& Value::operator[](std::string_view key) {
  if (!is_object()) value_ = Object();
  return std::get<Object>(value_)[key];
}

std::size_t Value::depth() const {
  std::size_t deepest = 0;
  if (const Array* array = as_array()) {
    for (const Value& element : *array)
      deepest = std::max(deepest, element.depth());
    return deepest + 1;
  }
  if (const Object* object = as_object()) {
    for (const auto& member : *object)
      deepest = std::max(deepest, member.value.depth());
    return deepest + 1;
  }
  return 0;
}

std::size_t Value::count() const {
  std::size_t total = 1;
  if (const Array* array = as_array()) {
    for (const Value& element : *array)
      total += element.count();
  } else if (const Object* object = as_object()) {
    for (const auto& member : *object)
      total += member.value.count();
  }
  return total;
}

std::size_t Value::bytes() const {
  std::size_t total = sizeof(Value);
  if (const std::string* text = as_string()) {
    total += text->size();
  } else if (const Array* array = as_array()) {
    for (const Value& element : *array)
      total += element.bytes();
  } else if (const Object* object = as_object()) {
    for (const auto& member : *object)
      total += member.key.size() + member.value.bytes();
  }
  return total;
}

bool operator==(const Value& a, const Value& b) {
  if (a.type() == b.type()) return a.value_ == b.value_;
  const bool numbers = a.as_double().has_value() && b.as_double().has_value();
  if (!numbers) return false;
  if (const auto x = a.as_int64(), y = b.as_int64(); x && y) return *x == *y;
  if (const auto x = a.as_uint64(), y = b.as_uint64(); x && y) return *x == *y;
  return false;
}

}  // namespace insula::json
