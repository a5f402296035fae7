#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/kind.h"
#include "api/protobuf.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

namespace fs = std::filesystem;

/// Where Kubernetes' own encodings of every kind lie: $INSULA_SHARED, or `shared` beside the source
/// tree.
std::optional<fs::path> golden_folder() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* from_environment = std::getenv("INSULA_SHARED");
  const fs::path root = from_environment != nullptr
                            ? fs::path(from_environment)
                            : fs::path(INSULA_SOURCE_DIR).parent_path() / "shared";
  const fs::path folder = root / "fixtures" / "golden";
  return fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

std::optional<std::string> contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Path of the first member that differs; empty when none does.
std::string difference(const json::Value& a, const json::Value& b, const std::string& path) {
  if (a == b) return {};
  if (a.is_object() && b.is_object()) {
    for (const json::Value* side : {&a, &b}) {
      for (const auto& [key, value] : *side->as_object()) {
        if (auto found = difference(a[key], b[key], path + "." + key); !found.empty()) return found;
      }
    }
  }
  if (a.is_array() && b.is_array() && a.as_array()->size() == b.as_array()->size()) {
    for (std::size_t i = 0; i < a.as_array()->size(); ++i) {
      if (auto found = difference((*a.as_array())[i], (*b.as_array())[i],
                                  path + "[" + std::to_string(i) + "]");
          !found.empty())
        return found;
    }
  }
  return path + ": " + json::write(a) + " and " + json::write(b);
}

using Object = std::unique_ptr<void, void (*)(void*)>;

Object make(const TypeInfo& type) {
  return {type.ops.create(), type.ops.destroy};
}

std::string stem(const Kind& kind) {
  return std::string(kind.group.empty() ? "core" : kind.group) + "." + std::string(kind.version) +
         "." + std::string(kind.kind);
}

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = golden_folder();
    if (!folder_)
      GTEST_SKIP() << "no golden files: set INSULA_SHARED to the folder that has fixtures/golden";
  }

  std::optional<fs::path> folder_;
};

TEST_F(Golden, EveryServedKindReadsAndWritesKubernetesJsonWithoutLoss) {
  int compared = 0;
  for (const Kind* kind : kinds()) {
    const auto text = contents(*folder_ / (stem(*kind) + ".json"));
    if (!text) continue;
    ++compared;
    const Object object = make(kind->type);
    const auto decoded = decode_json(kind->type, object.get(), *text, Strictness::kStrict);
    ASSERT_TRUE(decoded.has_value()) << stem(*kind) << ": " << decoded.error().message();
    const json::Value expected = json::parse(*text).value();
    const json::Value written = to_json(kind->type, object.get());
    EXPECT_EQ(difference(expected, written, stem(*kind)), "");
  }
  EXPECT_GE(compared, 42);
}

TEST_F(Golden, ProtobufAndJsonAreTheSameObject) {
  int compared = 0;
  for (const Kind* kind : kinds()) {
    const auto text = contents(*folder_ / (stem(*kind) + ".json"));
    const auto bytes = contents(*folder_ / (stem(*kind) + ".pb"));
    if (!text || !bytes) continue;
    ++compared;
    const Object from_json = make(kind->type), from_protobuf = make(kind->type),
                 again = make(kind->type);
    ASSERT_TRUE(decode_json(kind->type, from_json.get(), *text).has_value());
    const auto decoded = decode_protobuf(kind->type, from_protobuf.get(), *bytes);
    ASSERT_TRUE(decoded.has_value()) << stem(*kind) << ": " << decoded.error().message();
    EXPECT_EQ(difference(to_json(kind->type, from_json.get()),
                         to_json(kind->type, from_protobuf.get()), stem(*kind)),
              "");
    EXPECT_TRUE(kind->type.ops.equal(from_json.get(), from_protobuf.get()));
    ASSERT_TRUE(
        decode_protobuf(kind->type, again.get(), encode_protobuf(kind->type, from_protobuf.get()))
            .has_value());
    EXPECT_TRUE(kind->type.ops.equal(again.get(), from_json.get())) << stem(*kind);
  }
  EXPECT_GE(compared, 42);
}

}  // namespace
}  // namespace insula::api
