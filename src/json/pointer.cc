#include "json/pointer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::json {
namespace {

bool unescape(std::string_view raw, std::string& out) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '~') {
      out += raw[i];
      continue;
    }
    const char next = i + 1 < raw.size() ? raw[++i] : '\0';
    if (next != '0' && next != '1') return false;
    out += next == '0' ? '~' : '/';
  }
  return true;
}

}  // namespace

std::optional<std::size_t> array_index(std::string_view step) {
  if (step.empty() || (step.size() > 1 && step.front() == '0')) return std::nullopt;
  return parse_whole<std::size_t>(step);
}

Result<Pointer> Pointer::parse(std::string_view text) {
  Pointer result;
  if (text.empty()) return result;
  if (text.front() != '/')
    return fail(ErrorCode::kBadRequest,
                fmt::format("JSON pointer \"{}\" does not start with /", text.substr(0, 128)));
  if (static_cast<std::size_t>(std::ranges::count(text, '/')) > kDepthMax)
    return fail(ErrorCode::kBadRequest, "JSON pointer is too deep");
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view raw = text.substr(0, text.find('/'));
    if (!unescape(raw, result.steps_.emplace_back())) {
      return fail(
          ErrorCode::kBadRequest,
          fmt::format("JSON pointer step \"{}\" has a ~ without 0 or 1", raw.substr(0, 128)));
    }
    text.remove_prefix(raw.size());
  }
  return result;
}

Pointer Pointer::parent() const {
  Pointer result = *this;
  result.steps_.pop_back();
  return result;
}

bool Pointer::contains(const Pointer& other) const {
  return steps_.size() <= other.steps_.size() &&
         std::equal(steps_.begin(), steps_.end(), other.steps_.begin());
}

const Value* Pointer::in(const Value& document) const {
  const Value* at = &document;
  for (const std::string& step : steps_) {
    if (const Object* object = at->as_object()) {
      at = object->find(step);
    } else if (const Array* array = at->as_array()) {
      const auto index = array_index(step);
      at = index && *index < array->size() ? &(*array)[*index] : nullptr;
    } else {
      at = nullptr;
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

Value* Pointer::in(Value& document) const {
  // The document is not const here, so neither is what is found in it.
  const Value* found = in(std::as_const(document));
  return const_cast<Value*>(found);
}

std::string escaped_step(std::string_view step) {
  std::string out;
  out.reserve(step.size());
  for (const char c : step) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Pointer::text() const {
  std::string out;
  for (const std::string& step : steps_)
    out.append("/").append(escaped_step(step));
  return out;
}

}  // namespace insula::json
