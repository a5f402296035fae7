#include "api/apply/managed_fields.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::api {
namespace {

using ::testing::ElementsAre;

constexpr Time kEarly{1'000}, kLate{2'000};

FieldSet set_of(std::string_view text) {
  return parse_fields_v1(text).value_or(FieldSet());
}

Comparison added(std::string_view fields) {
  Comparison out;
  out.added = set_of(fields);
  return out;
}

FieldWriter updater(std::string name) {
  return {std::move(name), FieldWriter::Operation::kUpdate, "v1", ""};
}

FieldWriter applier(std::string name) {
  return {std::move(name), FieldWriter::Operation::kApply, "v1", ""};
}

std::vector<std::string> shown(const ManagedFields& managers) {
  std::vector<std::string> out;
  for (const ManagedFieldsEntry& entry : managers.encode()) {
    out.push_back(fmt::format("{} {} {} {}", entry.manager, entry.operation,
                              entry.time ? entry.time->seconds : 0, entry.fields_v1.text));
  }
  return out;
}

TEST(ManagedFields, AppliersComeFirstThenTheOldest) {
  ManagedFields managers;
  managers.update(updater("b"), added(R"({"f:x":{}})"), kLate);
  managers.update(updater("a"), added(R"({"f:y":{}})"), kLate);
  managers.update(updater("c"), added(R"({"f:z":{}})"), kEarly);
  managers.apply(applier("z"), set_of(R"({"f:w":{}})"), {}, kLate);
  EXPECT_THAT(shown(managers),
              ElementsAre(R"(z Apply 2000 {"f:w":{}})", R"(c Update 1000 {"f:z":{}})",
                          R"(a Update 2000 {"f:y":{}})", R"(b Update 2000 {"f:x":{}})"));
}

TEST(ManagedFields, ATimeTellsTheLastChange) {
  ManagedFields managers;
  managers.update(updater("a"), added(R"({"f:x":{}})"), kEarly);
  managers.apply(applier("b"), set_of(R"({"f:x":{}})"), {}, kEarly);
  const auto before = shown(managers);
  managers.update(updater("a"), {}, kLate);
  managers.apply(applier("b"), set_of(R"({"f:x":{}})"), {}, kLate);
  EXPECT_EQ(shown(managers), before);
  managers.apply(applier("b"), set_of(R"({"f:y":{}})"), {}, kLate);
  EXPECT_THAT(shown(managers),
              ElementsAre(R"(b Apply 2000 {"f:y":{}})", R"(a Update 1000 {"f:x":{}})"));
}

TEST(ManagedFields, ConflictsAreWithOthersOnly) {
  ManagedFields managers;
  managers.update(updater("a"), added(R"({"f:x":{},"f:y":{}})"), kEarly);
  managers.apply(applier("b"), set_of(R"({"f:z":{}})"), {}, kEarly);
  Comparison change;
  change.modified = set_of(R"({"f:x":{},"f:z":{}})");
  const auto conflicts = managers.conflicts(applier("b"), change);
  ASSERT_EQ(conflicts.size(), 1U);
  EXPECT_EQ(conflicts[0].owner.name, "a");
  EXPECT_THAT(conflicts[0].fields.paths(), ElementsAre(".x"));
  // The same name, but another way of writing.
  EXPECT_EQ(managers.conflicts(updater("a"), change).size(), 1U);
}

TEST(ManagedFields, AnIdentityIsNobodys) {
  ManagedFields managers;
  managers.update(updater("a"), added(R"({"f:metadata":{".":{},"f:name":{},"f:uid":{}}})"), kEarly);
  EXPECT_TRUE(managers.empty());
}

TEST(ManagedFields, UpdatersOfOneVersionAreBoundedButAppliersAreNot) {
  ManagedFields managers;
  for (int i = 0; i < 12; ++i) {
    managers.update(updater(fmt::format("u{:02}", i)),
                    added(fmt::format(R"({{"f:u{:02}":{{}}}})", i)), Time{kEarly.seconds + i});
    managers.apply(applier(fmt::format("a{:02}", i)), set_of(R"({"f:x":{}})"), {}, kEarly);
  }
  const auto entries = managers.encode();
  ASSERT_EQ(entries.size(), 22U);
  EXPECT_EQ(entries[12].manager, kAncientChanges);
  EXPECT_EQ(entries[12].fields_v1.text, R"({"f:u00":{},"f:u01":{},"f:u02":{}})");
  EXPECT_EQ(entries[12].time->seconds, kEarly.seconds + 2);
  EXPECT_EQ(entries[13].manager, "u03");
}

TEST(ManagedFields, EntriesOfOneManagerAreOne) {
  ManagedFieldsEntry entry;
  entry.manager = "a";
  entry.operation = "Update";
  entry.fields_type = "FieldsV1";
  entry.fields_v1.text = R"({"f:x":{}})";
  ManagedFieldsEntry other = entry;
  other.fields_v1.text = R"({"f:y":{}})";
  const auto managers = ManagedFields::decode({entry, other});
  ASSERT_TRUE(managers.has_value());
  EXPECT_THAT(shown(*managers), ElementsAre(R"(a Update 0 {"f:x":{},"f:y":{}})"));
  other.operation.clear();
  EXPECT_FALSE(ManagedFields::decode({entry, other}).has_value());
}

}  // namespace
}  // namespace insula::api
