#include <array>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "apiserver/test_custom_resources.h"
#include "json/yaml.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";
constexpr const char* kMap = "/api/v1/namespaces/a/configmaps/m";
constexpr const char* kYaml = "application/yaml";
constexpr const char* kProtobuf = "application/vnd.kubernetes.protobuf";
constexpr const char* kMetadataProtobuf =
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
constexpr const char* kMetadataListProtobuf =
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The fields of a message with this number.
std::vector<std::string_view> fields(std::string_view message, std::uint32_t tag) {
  std::vector<std::string_view> out;
  api::wire::Reader reader(message);
  api::wire::Field field;
  while (!reader.at_end()) {
    if (!reader.next(field)) return {"no message"};
    if (field.tag == tag) out.push_back(field.bytes);
  }
  return out;
}

template <class T>
T read_message(std::string_view message) {
  T out;
  const auto read = api::decode_protobuf_message(api::type_of<T>(), &out, message);
  INSULA_CHECK(read, read ? "" : read.error().message());
  return out;
}

/// A list, read from its envelope.
struct List {
  explicit List(std::string_view bytes) {
    const auto envelope = api::read_protobuf_envelope(bytes);
    INSULA_CHECK(envelope, envelope ? "" : envelope.error().message());
    kind = std::string(envelope->api_version) + " " + std::string(envelope->kind);
    metadata = read_message<api::ListMeta>(fields(envelope->message, 1).at(0));
    items = fields(envelope->message, 2);
  }

  std::string kind;
  api::ListMeta metadata;
  std::vector<std::string_view> items;
};

class FormatsTest : public CustomResourcesTest {
 protected:
  http::Response get_as(const std::string& accept, const std::string& target) {
    auto request = server.request("GET", target);
    request.headers.set("Accept", accept);
    return server.send(std::move(request));
  }

  void make_maps(int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_EQ(post(kMaps, fmt::format(R"({{"metadata":{{"name":"m{:03}","labels":{{"i":"{}"}}}},)"
                                        R"("data":{{"k":"{}"}}}})",
                                        i, i, std::string(1000, 'x')))
                    .status,
                201);
  }

  static std::string type_of(const http::Response& response) {
    return std::string(response.headers.get("Content-Type"));
  }
};

TEST_F(FormatsTest, AnObjectIsTheSameInEachFormat) {
  post(kMaps, R"({"metadata":{"name":"m"},"data":{"k":"a: b\n- c"},"immutable":false})");
  const json::Value expected = get(kMap);
  const auto yaml = get_as(kYaml, kMap);
  EXPECT_EQ(type_of(yaml), kYaml);
  EXPECT_EQ(json::write(json::parse_yaml_document(yaml.body).value()), json::write(expected));
  const auto protobuf = get_as(std::string(kProtobuf) + ",application/json", kMap);
  EXPECT_EQ(type_of(protobuf), kProtobuf);
  const auto object = api::decode_protobuf<api::ConfigMap>(protobuf.body);
  ASSERT_TRUE(object);
  EXPECT_EQ(json::write(api::to_json(*object)), json::write(expected));
}

TEST_F(FormatsTest, WritesAnswerInTheFormatAskedFor) {
  api::ConfigMap map;
  map.metadata.name = "m";
  auto request = server.request("POST", kMaps, api::encode_protobuf(map), kProtobuf);
  request.headers.set("Accept", kProtobuf);
  const auto made = server.send(request);
  EXPECT_EQ(made.status, 201);
  EXPECT_FALSE(api::decode_protobuf<api::ConfigMap>(made.body)->metadata.uid.empty());
  auto removal = server.request("DELETE", kMap);
  removal.headers.set("Accept", kProtobuf);
  const auto removed = server.send(removal);
  const auto status = api::read_protobuf_envelope(removed.body);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->kind, "Status");
  EXPECT_EQ(read_message<api::Status>(status->message).status, "Success");
}

TEST_F(FormatsTest, RefusalsHaveTheFormatAskedFor) {
  const auto missing = get_as(kProtobuf, kMap);
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(type_of(missing), kProtobuf);
  const auto envelope = api::read_protobuf_envelope(missing.body);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->api_version, "v1");
  const auto status = read_message<api::Status>(envelope->message);
  EXPECT_EQ(status.message, "configmaps \"m\" not found");
  EXPECT_EQ(status.code, 404);
  EXPECT_EQ(status.details->name, "m");
  EXPECT_THAT(get_as(kYaml, kMap).body, HasSubstr("reason: NotFound\n"));
}

TEST_F(FormatsTest, WhoMayNotIsToldSoInTheFormatAskedFor) {
  auto request = server.request("GET", kMap);
  request.headers.set("Accept", kProtobuf);
  request.headers.set("Impersonate-User", "ann");
  const auto refused = server.send(request);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(type_of(refused), kProtobuf);
}

TEST_F(FormatsTest, ListsAreTheSameInEachFormat) {
  make_maps(3);
  const std::string target = std::string(kMaps) + "?limit=2";
  const json::Value expected = get(target);
  EXPECT_EQ(json::write(json::parse_yaml_document(get_as(kYaml, target).body).value()),
            json::write(expected));
  const auto answer = get_as(kProtobuf, target);
  const List list(answer.body);
  EXPECT_EQ(list.kind, "v1 ConfigMapList");
  EXPECT_EQ(list.metadata.resource_version, expected["metadata"]["resourceVersion"].text());
  EXPECT_EQ(list.metadata.continue_, expected["metadata"]["continue"].text());
  EXPECT_EQ(list.metadata.remaining_item_count, 1);
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(read_message<api::ConfigMap>(list.items[1]).metadata.name, "m001");
}

TEST_F(FormatsTest, AListOfNothingIsOne) {
  EXPECT_THAT(get_as(kYaml, kMaps).body, HasSubstr("items: []\n"));
  const auto answer = get_as(kProtobuf, kMaps);
  EXPECT_TRUE(List(answer.body).items.empty());
}

TEST_F(FormatsTest, LongListsComeInPieces) {
  make_maps(300);
  const auto answer = get_as(kProtobuf, kMaps);
  EXPECT_EQ(type_of(answer), kProtobuf);
  const List list(answer.body);
  ASSERT_EQ(list.items.size(), 300U);
  EXPECT_EQ(read_message<api::ConfigMap>(list.items[299]).data.at("k").size(), 1000U);
  const auto yaml = json::parse_yaml_document(get_as(kYaml, kMaps).body);
  ASSERT_TRUE(yaml);
  EXPECT_EQ(json::write(*yaml), json::write(get(kMaps)));
}

TEST_F(FormatsTest, MetadataHasAProtobufFormAndTablesHaveNone) {
  make_maps(2);
  const auto answer = get_as(kMetadataListProtobuf, kMaps);
  const List list(answer.body);
  EXPECT_EQ(list.kind, "meta.k8s.io/v1 PartialObjectMetadataList");
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(read_message<api::ObjectMeta>(fields(list.items[1], 1).at(0)).name, "m001");
  const auto one = get_as(kMetadataProtobuf, std::string(kMaps) + "/m001");
  const auto envelope = api::read_protobuf_envelope(one.body);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->kind, "PartialObjectMetadata");
  EXPECT_EQ(read_message<api::ObjectMeta>(fields(envelope->message, 1).at(0)).labels.at("i"), "1");
  const std::string as_table = ";as=Table;g=meta.k8s.io;v=v1";
  EXPECT_EQ(get_as(kProtobuf + as_table, kMaps).status, 406);
  const auto table = get_as(kProtobuf + as_table + "," + kYaml + as_table, kMaps);
  EXPECT_EQ(type_of(table), kYaml);
  EXPECT_EQ(json::parse_yaml_document(table.body).value()["rows"].as_array()->size(), 2U);
}

TEST_F(FormatsTest, TypesThatNoPathHasAreRefusedWithThoseThatThisOneHas) {
  const std::string why =
      "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
      "application/vnd.kubernetes.protobuf";
  const auto object = get_as("text/html", std::string(kMaps) + "/none");
  EXPECT_EQ(object.status, 406);
  EXPECT_EQ(message(object), why);
  EXPECT_THAT(object.body, HasSubstr(R"("reason":"NotAcceptable","details":{},"code":406)"));
  const std::string streams =
      ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
  EXPECT_EQ(message(get_as("text/html, image/png;q=0.5", kMaps)), why + streams);
  EXPECT_EQ(message(get_as("text/html", std::string(kMaps) + "?watch=1")), why + streams);
  EXPECT_THAT(message(get_as("text/html", kWidgets)), StartsWith("only the following media types"));
  EXPECT_THAT(message(get_as("text/html, application/json;as=Foo;v=v1;g=meta.k8s.io", kMaps)),
              StartsWith("only the following media types are accepted: "));
}

TEST_F(FormatsTest, CustomObjectsHaveNoProtobufForm) {
  make("w", R"({"size":1})");
  const auto refused = get_as(kProtobuf, kWidget);
  EXPECT_EQ(refused.status, 406);
  EXPECT_THAT(message(refused), StartsWith("only the following media types are accepted: "
                                           "application/json, application/yaml"));
  EXPECT_EQ(type_of(get_as(std::string(kProtobuf) + ", */*", kWidget)), "application/json");
  EXPECT_EQ(List(get_as(kMetadataListProtobuf, kWidgets).body).items.size(), 1U);
  EXPECT_THAT(get_as(kYaml, kWidget).body, HasSubstr("kind: Widget\n"));
}

TEST_F(FormatsTest, CustomObjectsOfKubernetesOwnGroupsHaveNoneEither) {
  json::Value gadgets = definition({version("v1", true, schema())});
  gadgets["metadata"] = json::Object{
      {"name", "widgets.demo.k8s.io"},
      {"annotations", json::Object{{"api-approved.kubernetes.io", "unapproved, a test"}}}};
  gadgets["spec"]["group"] = "demo.k8s.io";
  ASSERT_EQ(post(kDefinitions, json::write(gadgets)).status, 201);
  const char* const widgets = "/apis/demo.k8s.io/v1/namespaces/a/widgets";
  EXPECT_EQ(get_as("application/json", widgets).status, 200);
  EXPECT_EQ(get_as(kProtobuf, widgets).status, 406);
}

TEST_F(FormatsTest, DefinitionsHaveTheirSchemasInProtobuf) {
  const auto answer = get_as(kProtobuf, std::string(kDefinitions) + "/widgets.example.com");
  EXPECT_EQ(type_of(answer), kProtobuf);
  EXPECT_THAT(answer.body, HasSubstr("A thing for tests."));
  auto request = server.request("PUT", std::string(kDefinitions) + "/widgets.example.com",
                                answer.body, kProtobuf);
  const json::Value before = get(std::string(kDefinitions) + "/widgets.example.com");
  EXPECT_EQ(server.send(request).status, 200);
  // A schema is kept as it was sent: its members may have another order now.
  EXPECT_EQ(get(std::string(kDefinitions) + "/widgets.example.com")["spec"], before["spec"]);
}

TEST_F(FormatsTest, WhatIsWantedMostCounts) {
  post(kMaps, R"({"metadata":{"name":"m"}})");
  const auto type = [&](const std::string& accept) { return type_of(get_as(accept, kMap)); };
  EXPECT_EQ(type("application/json;q=0.5, application/yaml"), kYaml);
  EXPECT_EQ(type("application/json;q=0.5, application/yaml;q=0.4"), "application/json");
  EXPECT_EQ(type("*/*, application/yaml"), kYaml);
  EXPECT_EQ(type("application/xml, application/yaml, application/json"), kYaml);
  EXPECT_EQ(type("text/html, */*;q=0.8"), "application/json");
  EXPECT_EQ(get_as("application/json;q=0", kMap).status, 406);
}

/// Reads the events of a watch in protobuf.
class FrameReader {
 public:
  FrameReader(TestServer& server, const http::Request& request)
      : server_(server),
        stream_(*server.run(server.client.open(server.origin, request, server.deadline()))) {}

  [[nodiscard]] const http::ResponseStream& stream() const { return *stream_; }

  /// The type of the next event and what its envelope holds.
  std::pair<std::string, std::string> next() {
    std::size_t size = 0;
    for (const char byte : take(4))
      size = size << 8U | static_cast<unsigned char>(byte);
    const std::string event = take(size);
    return {std::string(fields(event, 1).at(0)),
            std::string(fields(fields(event, 2).at(0), 1).at(0))};
  }

 private:
  std::string take(std::size_t bytes) {
    while (text_.size() < bytes) {
      std::array<char, 4096> buffer{};
      const auto read = server_.run(stream_->read(buffer, server_.deadline()));
      INSULA_CHECK(read && *read > 0, "the watch ended");
      text_.append(buffer.data(), *read);
    }
    std::string out = text_.substr(0, bytes);
    text_.erase(0, bytes);
    return out;
  }

  TestServer& server_;
  std::unique_ptr<http::ResponseStream> stream_;
  std::string text_;
};

TEST_F(FormatsTest, WatchesHaveAProtobufForm) {
  make_maps(1);
  auto request =
      server.request("GET", std::string(kMaps) +
                                "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&"
                                "resourceVersionMatch=NotOlderThan");
  request.headers.set("Accept", std::string(kProtobuf) + ",application/json");
  FrameReader watch(server, request);
  EXPECT_EQ(watch.stream().headers().get("Content-Type"),
            "application/vnd.kubernetes.protobuf;stream=watch");
  const auto added = watch.next();
  EXPECT_EQ(added.first, "ADDED");
  EXPECT_EQ(api::decode_protobuf<api::ConfigMap>(added.second)->metadata.name, "m000");
  const auto bookmark = watch.next();
  EXPECT_EQ(bookmark.first, "BOOKMARK");
  EXPECT_EQ(api::decode_protobuf<api::ConfigMap>(bookmark.second)
                ->metadata.annotations.at("k8s.io/initial-events-end"),
            "true");
  server.send("DELETE", std::string(kMaps) + "/m000");
  EXPECT_EQ(watch.next().first, "DELETED");
}

TEST_F(FormatsTest, WatchesOfMetadataHaveAProtobufForm) {
  make_maps(1);
  auto request = server.request("GET", std::string(kMaps) + "?watch=1");
  request.headers.set("Accept", kMetadataProtobuf);
  FrameReader watch(server, request);
  const std::string object = watch.next().second;
  const auto envelope = api::read_protobuf_envelope(object);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->kind, "PartialObjectMetadata");
}

TEST_F(FormatsTest, WatchesHaveNoYamlForm) {
  const auto answer = get_as(kYaml, std::string(kMaps) + "?watch=1");
  EXPECT_EQ(answer.status, 406);
  EXPECT_EQ(message(answer),
            "only the following media types are accepted: application/json;stream=watch, "
            "application/vnd.kubernetes.protobuf;stream=watch");
}

}  // namespace
}  // namespace insula::apiserver
