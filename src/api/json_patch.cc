#include <utility>

#include <fmt/format.h>

#include "api/patch.h"
#include "json/pointer.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Pointer;
using json::Value;

constexpr std::string_view kTest = "test";
constexpr std::string_view kDiffers = "the value differs";
constexpr std::string_view kMissing = "missing value";

class Patcher {
 public:
  explicit Patcher(Value document) : document_(std::move(document)) {}

  Result<> apply(const Value& operation) {
    const Value* op = operation.find("op");
    const Value* path_text = operation.find("path");
    if (op == nullptr || path_text == nullptr || !path_text->is_string()) {
      return fail(ErrorCode::kBadRequest, "a JSON patch operation needs op and path");
    }
    INSULA_TRY(const Pointer path, Pointer::parse(path_text->text()));
    const std::string_view name = op->text();
    if (name == "remove") return remove(path);
    if (name == "move" || name == "copy") {
      const Value* from_text = operation.find("from");
      if (from_text == nullptr || !from_text->is_string())
        return fail(ErrorCode::kBadRequest,
                    fmt::format("JSON patch operation {} needs from", name));
      INSULA_TRY(const Pointer from, Pointer::parse(from_text->text()));
      return name == "move" ? move(from, path) : copy(from, path);
    }
    if (name != "add" && name != "replace" && name != "test") {
      return fail(ErrorCode::kBadRequest,
                  fmt::format("unknown JSON patch operation \"{}\"", name.substr(0, 32)));
    }
    const Value* value = operation.find("value");
    if (value == nullptr)
      return fail(ErrorCode::kBadRequest, fmt::format("JSON patch operation {} needs value", name));
    if (name == "test") return test(path, *value);
    return name == "add" ? add(path, *value) : replace(path, *value);
  }

  [[nodiscard]] Value take() { return std::move(document_); }

 private:
  static std::unexpected<Error> refuse(std::string_view op,
                                       const Pointer& path,
                                       std::string_view why) {
    return fail(ErrorCode::kInvalid, fmt::format("{} operation does not apply: {}: {}", op,
                                                 path.text().substr(0, 256), why));
  }

  static Result<> spend(std::size_t cost, std::size_t& budget) {
    if (cost > budget) return fail(ErrorCode::kTooLarge, "the JSON patch copies or moves too much");
    budget -= cost;
    return {};
  }

  Result<> add(const Pointer& path, Value value) {
    if (path.steps().size() + value.depth() > json::kDepthMax)
      return refuse("add", path, "nested too deep");
    if (path.is_root()) {
      document_ = std::move(value);
      return {};
    }
    Value* parent = path.parent().in(document_);
    if (parent == nullptr) return refuse("add", path, "missing path");
    if (Object* object = parent->as_object()) {
      object->set(path.last(), std::move(value));
      return {};
    }
    Array* array = parent->as_array();
    if (array == nullptr) return refuse("add", path, "not an object or array");
    const auto index = path.last() == "-" ? array->size() : json::array_index(path.last());
    if (!index || *index > array->size()) return refuse("add", path, "invalid index");
    INSULA_TRY_VOID(spend(array->size() - *index, movable_));
    array->insert(array->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
    return {};
  }

  Result<> remove(const Pointer& path) {
    Value dropped;
    return detach("remove", path, dropped);
  }

  Result<> detach(std::string_view op, const Pointer& path, Value& out) {
    if (path.is_root()) return refuse(op, path, "the whole document");
    Value* parent = path.parent().in(document_);
    if (parent == nullptr) return refuse(op, path, "missing path");
    if (Object* object = parent->as_object()) {
      Value* found = object->find(path.last());
      if (found == nullptr) return refuse(op, path, "nonexistent key");
      out = std::move(*found);
      object->erase(path.last());
      return {};
    }
    Array* array = parent->as_array();
    const auto index = json::array_index(path.last());
    if (array == nullptr || !index || *index >= array->size())
      return refuse(op, path, "invalid index");
    INSULA_TRY_VOID(spend(array->size() - *index, movable_));
    out = std::move((*array)[*index]);
    array->erase(array->begin() + static_cast<std::ptrdiff_t>(*index));
    return {};
  }

  Result<> replace(const Pointer& path, const Value& value) {
    if (path.steps().size() + value.depth() > json::kDepthMax)
      return refuse("replace", path, "nested too deep");
    Value* target = path.in(document_);
    if (target == nullptr) return refuse("replace", path, "missing value");
    *target = value;
    return {};
  }

  Result<> test(const Pointer& path, const Value& value) {
    if (!path.is_root() && path.parent().in(document_) == nullptr)
      return refuse(kTest, path, "missing path");
    const Value* target = path.in(document_);
    // What is not there is null, as to Kubernetes: so a patch can say "unless it is there".
    if (target == nullptr && value.is_null()) return {};
    if (target == nullptr) return refuse(kTest, path, kMissing);
    if (*target != value) return refuse(kTest, path, kDiffers);
    return {};
  }

  Result<> move(const Pointer& from, const Pointer& path) {
    if (from.contains(path) && from.steps().size() < path.steps().size())
      return refuse("move", path, "into itself");
    const Value* source = from.in(document_);
    if (source == nullptr) return refuse("move", from, "missing value");
    INSULA_TRY_VOID(spend(source->count(), movable_));
    Value value;
    INSULA_TRY_VOID(detach("move", from, value));
    return add(path, std::move(value));
  }

  Result<> copy(const Pointer& from, const Pointer& path) {
    const Value* source = from.in(document_);
    if (source == nullptr) return refuse("copy", from, "missing value");
    INSULA_TRY_VOID(spend(source->bytes(), copyable_));
    return add(path, *source);
  }

  Value document_;
  std::size_t copyable_ = kJsonPatchCopiedMax;
  std::size_t movable_ = kJsonPatchMovedMax;
};

}  // namespace

Result<Value> apply_json_patch(Value document, const Value& patch) {
  const Array* operations = patch.as_array();
  if (operations == nullptr)
    return fail(ErrorCode::kBadRequest, "a JSON patch is an array of operations");
  if (operations->size() > kJsonPatchOpsMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("The allowed maximum operations in a JSON patch is {}, got {}",
                            kJsonPatchOpsMax, operations->size()));
  }
  Patcher patcher(std::move(document));
  for (const Value& operation : *operations)
    INSULA_TRY_VOID(patcher.apply(operation));
  return patcher.take();
}

bool is_failed_test(const Error& error) {
  const std::string& message = error.message();
  return message.starts_with(kTest) && (message.ends_with(kDiffers) || message.ends_with(kMissing));
}

Value apply_merge_patch(Value document, const Value& patch) {
  const Object* changes = patch.as_object();
  if (changes == nullptr) return patch;
  if (!document.is_object()) document = Object();
  Object& target = *document.as_object();
  for (const auto& [key, change] : *changes) {
    if (change.is_null()) {
      target.erase(key);
    } else {
      Value& member = target[key];
      member = apply_merge_patch(std::move(member), change);
    }
  }
  return document;
}

}  // namespace insula::api
