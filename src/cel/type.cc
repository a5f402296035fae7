#include "cel/type.h"

#include <utility>

#include <fmt/format.h>

#include "cel/lexer.h"

namespace insula::cel {

Type::Type(Kind kind, std::string name, std::vector<TypePtr> parameters, Fields fields)
    : kind_(kind),
      name_(std::move(name)),
      parameters_(std::move(parameters)),
      fields_(std::move(fields)) {}

TypePtr Type::make(Kind kind, std::string name, std::vector<TypePtr> parameters, Fields fields) {
  return TypePtr(new Type(kind, std::move(name), std::move(parameters), std::move(fields)));
}

TypePtr Type::dyn() {
  static const TypePtr type = make(Kind::kDyn, "dyn");
  return type;
}

TypePtr Type::unknown() {
  static const TypePtr type = make(Kind::kDyn, "dyn");
  return type;
}

TypePtr Type::null() {
  static const TypePtr type = make(Kind::kNull, "null");
  return type;
}

TypePtr Type::boolean() {
  static const TypePtr type = make(Kind::kBool, "bool");
  return type;
}

TypePtr Type::integer() {
  static const TypePtr type = make(Kind::kInt, "int");
  return type;
}

TypePtr Type::uint() {
  static const TypePtr type = make(Kind::kUint, "uint");
  return type;
}

TypePtr Type::real() {
  static const TypePtr type = make(Kind::kDouble, "double");
  return type;
}

TypePtr Type::string() {
  static const TypePtr type = make(Kind::kString, "string");
  return type;
}

TypePtr Type::bytes() {
  static const TypePtr type = make(Kind::kBytes, "bytes");
  return type;
}

TypePtr Type::timestamp() {
  static const TypePtr type = make(Kind::kTimestamp, "timestamp");
  return type;
}

TypePtr Type::duration() {
  static const TypePtr type = make(Kind::kDuration, "duration");
  return type;
}

TypePtr Type::type() {
  static const TypePtr type = make(Kind::kType, "type");
  return type;
}

TypePtr Type::list(TypePtr element) {
  return make(Kind::kList, "list", {std::move(element)});
}

TypePtr Type::map(TypePtr key, TypePtr value) {
  return make(Kind::kMap, "map", {std::move(key), std::move(value)});
}

TypePtr Type::optional(TypePtr content) {
  return make(Kind::kOptional, "optional_type", {std::move(content)});
}

TypePtr Type::opaque(std::string name) {
  return make(Kind::kOpaque, std::move(name));
}

TypePtr Type::parameter(std::string name) {
  return make(Kind::kParameter, std::move(name));
}

TypePtr Type::object(std::string name, Fields fields) {
  return make(Kind::kObject, std::move(name), {}, std::move(fields));
}

TypePtr Type::open_object(std::string name) {
  Type type(Kind::kObject, std::move(name), {}, {});
  type.open_ = true;
  return std::make_shared<const Type>(std::move(type));
}

const Type::Field* Type::declared(std::string_view name) const {
  auto found = fields_.find(name);
  if (found == fields_.end() && is_reserved(name))
    found = fields_.find(fmt::format("__{}__", name));
  return found == fields_.end() ? nullptr : &found->second;
}

TypePtr Type::field(std::string_view name) const {
  if (const Field* found = declared(name)) return found->type;
  return open_ ? dyn() : nullptr;
}

std::string Type::text() const {
  std::string text = name_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    text += i == 0 ? "(" : ", ";
    text += parameters_[i]->text();
  }
  if (!parameters_.empty()) text += ')';
  return text;
}

bool Substitution::assign(const TypePtr& to, const TypePtr& from) {
  if (to->is(Type::Kind::kParameter)) {
    const auto [found, added] = bound_.try_emplace(to->name(), from);
    if (added || from->is(Type::Kind::kDyn)) return true;
    // A copy: what it is bound to may be bound anew below.
    const TypePtr known = found->second;
    if (known == Type::unknown()) found->second = from;
    if (known->is(Type::Kind::kDyn)) return true;
    Substitution unbound;
    if (unbound.assign(known, from)) return true;
    // `null` stands for the absence of anything that can be absent.
    return false;
  }
  if (to->is(Type::Kind::kDyn) || from->is(Type::Kind::kDyn)) return true;
  if (to->kind() != from->kind()) return false;
  if ((to->is(Type::Kind::kOpaque) || to->is(Type::Kind::kObject)) && to->name() != from->name()) {
    return false;
  }
  for (std::size_t i = 0; i < to->parameters().size(); ++i) {
    if (!assign(to->parameters()[i], from->parameters()[i])) return false;
  }
  return true;
}

TypePtr Substitution::apply(const TypePtr& type) const {
  if (type->is(Type::Kind::kParameter)) {
    const auto found = bound_.find(type->name());
    return found == bound_.end() ? Type::dyn() : found->second;
  }
  switch (type->kind()) {
    case Type::Kind::kList:
      return Type::list(apply(type->first()));
    case Type::Kind::kMap:
      return Type::map(apply(type->first()), apply(type->second()));
    case Type::Kind::kOptional:
      return Type::optional(apply(type->first()));
    default:
      return type;
  }
}

TypePtr joined(const TypePtr& a, const TypePtr& b) {
  if (a == b || b == Type::unknown()) return a;
  if (a == Type::unknown()) return b;
  if (a->is(Type::Kind::kDyn) || b->is(Type::Kind::kDyn)) return Type::dyn();
  Substitution none;
  if (!none.assign(a, b)) return Type::dyn();
  if (a->is(Type::Kind::kList)) return Type::list(joined(a->first(), b->first()));
  if (a->is(Type::Kind::kMap))
    return Type::map(joined(a->first(), b->first()), joined(a->second(), b->second()));
  return a->is(Type::Kind::kOptional) ? Type::optional(joined(a->first(), b->first())) : a;
}

}  // namespace insula::cel
