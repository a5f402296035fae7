#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/gen/storage_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string volume(const std::string& spec) {
  return "apiVersion: v1\nkind: PersistentVolume\nspec: {" + spec + "}";
}

std::string claim(const std::string& spec, const std::string& rest = "") {
  return "apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {" + spec + "}\n" + rest;
}

const std::string kOneGi = "accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}";
const std::string kAskOneGi = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}";
const std::string kAskTwoGi = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}";

TEST(PersistentVolume, BeginsAsPendingAndIsKept) {
  const TestObject made = created(volume(kOneGi + ", hostPath: {path: /d}") +
                                  "\nmetadata: {creationTimestamp: '2026-01-01T00:00:00Z'}");
  const auto& it = made.as<PersistentVolume>();
  EXPECT_EQ(it.status.phase, "Pending");
  EXPECT_EQ(it.status.last_phase_transition_time, it.metadata.creation_timestamp);
  EXPECT_EQ(it.spec.persistent_volume_reclaim_policy, "Retain");
  EXPECT_EQ(it.spec.volume_mode, "Filesystem");
  EXPECT_EQ(it.spec.persistent_volume_source.host_path->type, "");
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
}

TEST(PersistentVolume, IsRefusedInKubernetesWords) {
  EXPECT_THAT(wrong(volume("")),
              ElementsAre("spec.accessModes: Required value", "spec.capacity: Required value",
                          "spec.capacity: Unsupported value: null: supported values: \"storage\"",
                          "spec: Required value: must specify a volume type"));
  EXPECT_THAT(
      wrong(volume("accessModes: [ReadWriteOncePod, ReadOnlyMany, Nope], capacity: {storage: 0}, "
                   "nfs: {server: s, path: p}, hostPath: {path: /a/../b}")),
      ElementsAre(
          "spec.accessModes: Unsupported value: \"Nope\": supported values: \"ReadOnlyMany\", "
          "\"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
          "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
          "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero",
          "spec.nfs: Forbidden: may not specify more than 1 volume type",
          "spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
          "spec.nfs.path: Invalid value: \"p\": must be an absolute path"));
  EXPECT_THAT(
      wrong(volume(kOneGi + ", local: {path: /d}")),
      ElementsAre("spec.nodeAffinity: Required value: Local volume requires node affinity"));
  EXPECT_THAT(wrong(volume(kOneGi + ", csi: {driver: d}")),
              ElementsAre("spec.csi.volumeHandle: Required value"));
}

TEST(PersistentVolume, KeepsItsSource) {
  EXPECT_THAT(wrong_change(volume(kOneGi + ", hostPath: {path: /d}"),
                           volume(kOneGi + ", hostPath: {path: /e}")),
              ElementsAre("spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is "
                          "immutable after creation\nchanged: spec.hostPath"));
  EXPECT_THAT(wrong_change(volume(kOneGi + ", hostPath: {path: /d}"),
                           volume("accessModes: [ReadWriteOnce], capacity: {storage: 2Gi}, "
                                  "hostPath: {path: /d}")),
              IsEmpty());
}

TEST(PersistentVolumeClaim, MustAskForSomething) {
  EXPECT_THAT(wrong(claim(kAskOneGi)), IsEmpty());
  EXPECT_THAT(
      wrong(claim("volumeMode: Tape, storageClassName: Fast")),
      ElementsAre("spec.accessModes: Required value: at least 1 access mode is required",
                  "spec.resources[storage]: Required value",
                  HasSubstr("spec.storageClassName: Invalid value: \"Fast\": a lowercase RFC "
                            "1123 subdomain"),
                  "spec.volumeMode: Unsupported value: \"Tape\": supported values: "
                  "\"Block\", \"Filesystem\""));
}

TEST(PersistentVolumeClaim, FillsInBothWaysToNameASource) {
  const TestObject made =
      created(claim(kAskOneGi + ", dataSource: {kind: PersistentVolumeClaim, name: old}"));
  EXPECT_EQ(made.as<PersistentVolumeClaim>().spec.data_source_ref->name, "old");
  EXPECT_THAT(wrong(claim(kAskOneGi + ", dataSource: {kind: Secret, name: old}")),
              testing::Contains("spec.dataSource: Invalid value: \"Secret\": must be "
                                "'PersistentVolumeClaim' when referencing the default apiGroup"));
}

TEST(PersistentVolumeClaim, GrowsOnlyWhileItIsBound) {
  EXPECT_THAT(wrong_change(claim(kAskOneGi), claim(kAskTwoGi)),
              ElementsAre("spec: Forbidden: spec is immutable after creation except "
                          "resources.requests and volumeAttributesClassName for bound "
                          "claims\nchanged: spec.resources"));
  const TestObject old = created(claim(kAskOneGi));
  auto& bound = old.as<PersistentVolumeClaim>();
  bound.status.phase = "Bound";
  bound.status.capacity["storage"] = Quantity::parse("1Gi").value();
  const auto change = [&](const char* size) {
    PersistentVolumeClaim now = bound;
    now.spec.resources.requests["storage"] = Quantity::parse(size).value();
    return causes_of(check_update(*old.kind, &now, &bound, ""));
  };
  EXPECT_THAT(change("2Gi"), IsEmpty());
  EXPECT_THAT(change("512Mi"),
              ElementsAre("spec.resources.requests.storage: Forbidden: field can not be less than "
                          "status.capacity"));
}

TEST(PersistentVolumeClaim, IsBoundToAVolumeOnce) {
  EXPECT_THAT(wrong_change(claim(kAskOneGi), claim(kAskOneGi + ", volumeName: v")), IsEmpty());
  EXPECT_THAT(
      wrong_change(claim(kAskOneGi + ", volumeName: v"), claim(kAskOneGi + ", volumeName: w")),
      ElementsAre(HasSubstr("changed: spec.volumeName")));
}

TEST(StorageClass, IsFixedButForGrowthAndPlaces) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\n";
  const TestObject made = created(head + "provisioner: example.com/p");
  EXPECT_EQ(made.as<StorageClass>().reclaim_policy, "Delete");
  EXPECT_EQ(made.as<StorageClass>().volume_binding_mode, "Immediate");
  EXPECT_THAT(wrong(head + "provisioner: ''\nreclaimPolicy: Recycle\nvolumeBindingMode: Late"),
              ElementsAre("provisioner: Required value",
                          "reclaimPolicy: Unsupported value: \"Recycle\": supported values: "
                          "\"Delete\", \"Retain\"",
                          "volumeBindingMode: Unsupported value: \"Late\": supported values: "
                          "\"Immediate\", \"WaitForFirstConsumer\""));
  EXPECT_THAT(wrong_change(head + "provisioner: a/b", head + "provisioner: a/c"),
              ElementsAre("provisioner: Invalid value: \"a/c\": field is immutable"));
  EXPECT_THAT(wrong_change(head + "provisioner: a/b",
                           head + "provisioner: a/b\nallowVolumeExpansion: true"),
              IsEmpty());
  EXPECT_THAT(
      wrong(
          head +
          "provisioner: a/b\nallowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a, "
          "a]}]}, {matchLabelExpressions: [{key: zone, values: [a]}]}]"),
      ElementsAre("allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"a\"",
                  "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\""));
}

TEST(CSIDriver, SaysWhatTheNodeMustDo) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: CSIDriver\n";
  const TestObject made = created(head + "spec: {}");
  const CSIDriverSpec& spec = made.as<CSIDriver>().spec;
  EXPECT_EQ(spec.attach_required, true);
  EXPECT_EQ(spec.fs_group_policy, "ReadWriteOnceWithFSType");
  EXPECT_THAT(spec.volume_lifecycle_modes, ElementsAre("Persistent"));
  EXPECT_THAT(
      wrong(head + "spec: {fsGroupPolicy: Never, tokenRequests: [{audience: a}, {audience: a}]}"),
      ElementsAre("spec.fsGroupPolicy: Unsupported value: \"Never\": supported values: \"File\", "
                  "\"None\", \"ReadWriteOnceWithFSType\"",
                  "spec.tokenRequests[1].audience: Duplicate value: \"a\""));
  EXPECT_THAT(wrong_change(head + "spec: {}", head + "spec: {attachRequired: false}"),
              ElementsAre("spec.attachedRequired: Invalid value: false: field is immutable"));
}

TEST(CSINode, KeepsADriverAsItCame) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: CSINode\n";
  EXPECT_THAT(wrong(head + "spec: {drivers: [{name: d, nodeID: ''}, {name: d, nodeID: n}]}"),
              ElementsAre("spec.drivers[0].nodeID: Required value",
                          "spec.drivers[1].name: Duplicate value: \"d\""));
  const std::string before = head + "spec: {drivers: [{name: d, nodeID: n}]}";
  EXPECT_THAT(wrong_change(before, head + "spec: {drivers: [{name: d, nodeID: n, allocatable: "
                                          "{count: 3}}]}"),
              IsEmpty());
  EXPECT_THAT(wrong_change(before, head + "spec: {drivers: [{name: d, nodeID: m}]}"),
              ElementsAre("spec.drivers: Invalid value: "
                          "{\"name\":\"d\",\"nodeID\":\"m\",\"topologyKeys\":null}: field is "
                          "immutable"));
}

TEST(VolumeAttachment, NamesOneVolume) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\n";
  EXPECT_THAT(wrong(head + "spec: {attacher: d, nodeName: n, source: {persistentVolumeName: v}}"),
              IsEmpty());
  EXPECT_THAT(wrong(head + "spec: {attacher: d, nodeName: n, source: {}}"),
              ElementsAre("spec.source: Required value: must specify exactly one of "
                          "inlineVolumeSpec and persistentVolumeName"));
  EXPECT_THAT(
      wrong(head + "spec: {attacher: d, nodeName: n, source: {inlineVolumeSpec: {accessModes: "
                   "[ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /d}}}}"),
      ElementsAre("spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the "
                  "context of inline volumes",
                  "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the "
                  "context of inline volumes"));
}

TEST(CSIStorageCapacity, KeepsItsPlaceAndClass) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: CSIStorageCapacity\n";
  EXPECT_THAT(wrong(head + "storageClassName: fast\ncapacity: 1Gi"), IsEmpty());
  EXPECT_THAT(wrong_change(head + "storageClassName: fast", head + "storageClassName: slow"),
              ElementsAre("storageClassName: Invalid value: \"slow\": field is immutable"));
}

TEST(VolumeAttributesClass, KeepsItsDriverAndParameters) {
  const std::string head = "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\n";
  EXPECT_THAT(wrong(head + "driverName: d.example.com\nparameters: {iops: '9'}"), IsEmpty());
  EXPECT_THAT(wrong(head + "driverName: ''"),
              ElementsAre("driverName: Required value",
                          "parameters: Required value: must contain at least one key/value pair"));
  EXPECT_THAT(wrong_change(head + "driverName: d\nparameters: {iops: '9'}",
                           head + "driverName: e\nparameters: {iops: '8'}"),
              ElementsAre("driverName: Forbidden: updates to driverName are forbidden.",
                          "parameters: Forbidden: updates to parameters are forbidden."));
}

}  // namespace
}  // namespace insula::api
