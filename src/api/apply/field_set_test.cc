#include "api/apply/field_set.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/write.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;

FieldSet read(std::string_view text) {
  auto set = parse_fields_v1(text);
  EXPECT_TRUE(set.has_value()) << text;
  return set.value_or(FieldSet());
}

TEST(FieldsV1, ComesBackAsItWas) {
  for (
      const char* text : {
          R"({})",
          R"({"f:data":{"f:k":{}}})",
          R"({"f:data":{".":{},"f:k":{}}})",
          R"({"f:a.b/c":{},"f:metadata":{"f:finalizers":{"v:\"x/a\"":{},"v:\"x/b\"":{}}}})",
          R"({"f:spec":{"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}})",
          R"({"f:list":{"v:1":{},"v:true":{},"i:0":{}}})",
      })
    EXPECT_EQ(write_fields_v1(read(text)), text);
}

TEST(FieldsV1, IsWrittenInCanonicalOrder) {
  EXPECT_EQ(
      write_fields_v1(read(
          R"({"v:true":{},"v:\"x\"":{},"v:10":{},"v:9":{},"v:-1":{},"v:-10":{},"i:2":{},"f:b":{},"f:a":{},
                    "k:{\"port\":443}":{},"k:{\"port\":80}":{},"k:{\"name\":\"ab\"}":{},"k:{\"name\":\"a\"}":{}})")),
      R"({"f:a":{},"f:b":{},"k:{\"name\":\"a\"}":{},"k:{\"name\":\"ab\"}":{},"k:{\"port\":80}":{},"k:{\"port\":443}":{},)"
      R"("v:-10":{},"v:-1":{},"v:9":{},"v:10":{},"v:\"x\"":{},"v:true":{},"i:2":{}})");
  EXPECT_EQ(write_fields_v1(read(R"({"k:{\"protocol\":\"TCP\", \"port\": 80}":{}})")),
            R"({"k:{\"port\":80,\"protocol\":\"TCP\"}":{}})");
}

TEST(FieldsV1, LeavesOutWhatItDoesNotKnow) {
  EXPECT_EQ(
      write_fields_v1(read(R"({"f:a":{},"x:b":{},"k:1":{},"k:{}":{},"v:{":{},"i:x":{},"":{}})")),
      R"({"f:a":{}})");
  EXPECT_EQ(write_fields_v1(read(R"({"f:a":{"x:b":{}}})")), "{}");
}

TEST(FieldsV1, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "1", R"({"f:a":1})", R"({"f:a":{"f:b":[]}})", "{"})
    EXPECT_FALSE(parse_fields_v1(text).has_value()) << text;
  std::string deep;
  for (int i = 0; i < 300; ++i)
    deep += R"({"f:a":)";
  EXPECT_FALSE(parse_fields_v1(deep + "{}" + std::string(300, '}')).has_value());
}

TEST(FieldSet, ShowsItsPaths) {
  EXPECT_THAT(
      read(
          R"({"f:spec":{"f:c":{"k:{\"name\":\"a\",\"port\":80}":{".":{},"f:image":{}}},"f:s":{"v:\"x\"":{}},"f:l":{"i:3":{}}}})")
          .paths(),
      ElementsAre(R"(.spec.c[name="a",port=80])", R"(.spec.c[name="a",port=80].image)",
                  ".spec.l[3]", R"(.spec.s[="x"])"));
}

TEST(FieldSet, SubtreesGoWithTheirMembers) {
  FieldSet set = read(R"({"f:status":{"f:a":{}},"f:spec":{"f:b":{}}})");
  set.subtract_subtrees(read(R"({"f:status":{}})"));
  EXPECT_EQ(write_fields_v1(set), R"({"f:spec":{"f:b":{}}})");
  FieldSet exact = read(R"({"f:status":{"f:a":{}}})");
  exact.subtract(read(R"({"f:status":{}})"));
  EXPECT_EQ(write_fields_v1(exact), R"({"f:status":{"f:a":{}}})");
}

/// Random sets over few names, so that they overlap.
class Sets {
 public:
  explicit Sets(unsigned seed) : random_(seed) {}

  FieldSet next(int depth = 4) {
    FieldSet out;
    out.set_member(depth < 4 && pick(3) == 0);
    if (depth == 0) return out;
    const int children = pick(4);
    for (int i = 0; i < children; ++i)
      out.add(element(), next(depth - 1));
    return out;
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  PathElement element() {
    const int n = pick(3);
    switch (pick(4)) {
      case 0:
        return PathElement::field(std::string(1, static_cast<char>('a' + n)));
      case 1:
        return PathElement::value(n == 0 ? json::Value("x") : json::Value(n * 7));
      case 2:
        return PathElement::key(
            json::Object{{"name", std::string(1, static_cast<char>('a' + n))}, {"port", n * 60}});
      default:
        return {PathElement::Type::kIndex, std::to_string(n)};
    }
  }

  std::mt19937 random_;
};

std::vector<std::string> sorted_paths(const FieldSet& set) {
  std::vector<std::string> out = set.paths();
  std::ranges::sort(out);
  return out;
}

TEST(FieldSet, OperationsAreThoseOfSetsOfPaths) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Sets sets(seed);
    const FieldSet a = sets.next(), b = sets.next();
    const auto x = sorted_paths(a), y = sorted_paths(b);
    std::vector<std::string> expected;

    FieldSet both = a;
    both.unite(b);
    std::ranges::set_union(x, y, std::back_inserter(expected));
    EXPECT_EQ(sorted_paths(both), expected);

    FieldSet rest = a;
    rest.subtract(b);
    expected.clear();
    std::ranges::set_difference(x, y, std::back_inserter(expected));
    EXPECT_EQ(sorted_paths(rest), expected);

    expected.clear();
    std::ranges::set_intersection(x, y, std::back_inserter(expected));
    EXPECT_EQ(sorted_paths(a.intersection(b)), expected);
  }
}

TEST(FieldSet, IsMadeOfChildrenInAnyOrder) {
  std::vector<FieldSet::Child> children;
  children.push_back({PathElement::field("b"), FieldSet::leaf()});
  children.push_back({PathElement::field("c"), FieldSet()});
  children.push_back({PathElement::field("a"), read(R"({"f:x":{}})")});
  children.push_back({PathElement::field("a"), read(R"({"f:w":{}})")});
  EXPECT_EQ(write_fields_v1(FieldSet::of(std::move(children))),
            R"({"f:a":{"f:w":{},"f:x":{}},"f:b":{}})");
}

TEST(FieldSet, EqualSetsAreEqualTextsAndBack) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Sets sets(seed);
    const FieldSet a = sets.next(), b = sets.next();
    EXPECT_EQ(read(write_fields_v1(a)), a);
    FieldSet one = a, other = b;
    one.unite(b);
    other.unite(a);
    EXPECT_EQ(one, other);
    EXPECT_EQ(write_fields_v1(one), write_fields_v1(other));
    one.subtract(b);
    one.unite(a.intersection(b));
    EXPECT_EQ(one, a);
  }
}

}  // namespace
}  // namespace insula::api
