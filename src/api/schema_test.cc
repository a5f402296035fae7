#include "api/schema.h"

#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"

namespace insula::api {
namespace {

TEST(Schema, FindsFieldsByJsonNameAndFollowsTheHint) {
  const TypeInfo& type = type_of<ObjectMeta>();
  std::size_t hint = 0;
  ASSERT_NE(type.find("name", &hint), nullptr);
  EXPECT_EQ(hint, 1U);
  EXPECT_EQ(type.find("labels", &hint)->name, "labels");
  EXPECT_EQ(type.fields[hint].name, "annotations");
  EXPECT_EQ(type.find("Labels"), nullptr);
  for (const auto& field : type.fields)
    EXPECT_EQ(type.find(field.name), &field);
}

TEST(Schema, OffsetsReachTheMembersOfTheStruct) {
  ObjectMeta meta;
  meta.resource_version = "7";
  const FieldInfo* field = type_of<ObjectMeta>().find("resourceVersion");
  EXPECT_EQ(*static_cast<const std::string*>(field->in(static_cast<const void*>(&meta))), "7");
}

TEST(Schema, ListTypesAndMergeKeysComeFromTheFile) {
  const FieldInfo* owners = type_of<ObjectMeta>().find("ownerReferences");
  EXPECT_EQ(owners->list_type, ListType::kMap);
  EXPECT_EQ(owners->list_keys, "uid");
  EXPECT_EQ(owners->merge_key, "uid");
  EXPECT_TRUE(owners->has(kPatchMerge));
  EXPECT_FALSE(owners->has(kRequired));
}

TEST(Kind, IsFoundByResourceAndByKindName) {
  const Kind* found = find_kind("", "v1", "configmaps");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found, &kind_of<ConfigMap>());
  EXPECT_EQ(found, find_kind("v1", "ConfigMap"));
  EXPECT_TRUE(found->namespaced);
  EXPECT_EQ(find_kind("", "v2", "configmaps"), nullptr);
  EXPECT_EQ(find_kind("meta.k8s.io/v1", "Status"), &kind_of<Status>());
  EXPECT_FALSE(kind_of<Namespace>().namespaced);
  EXPECT_TRUE(kind_of<Namespace>().has_subresource("status"));
}

TEST(Kind, ReachesTheMetadataOfAnyObject) {
  ConfigMap map;
  map.metadata.name = "settings";
  EXPECT_EQ(kind_of<ConfigMap>().metadata(static_cast<const void*>(&map)).name, "settings");
}

TEST(Box, CopiesDeepAndComparesWhatIsInside) {
  Status a;
  a.details.ensure().name = "x";
  Status b = a;
  EXPECT_EQ(a, b);
  b.details->name = "y";
  EXPECT_EQ(a.details->name, "x");
  EXPECT_NE(a, b);
  b.details = std::nullopt;
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace insula::api
