#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAreArray;

/// 2026-11-23T12:00:00Z
const WallTime kNow = Time::parse("2026-11-23T12:00:00Z")->wall();

struct Row {
  std::string yaml;
  std::vector<std::string> cells;
};

const std::string kTemplate = "template: " + kTestPods;

TEST(FurtherRows, AreAsKubectlGetPrintsThem) {
  const Row table[] = {
      {"apiVersion: apps/v1\nkind: StatefulSet\nspec: {replicas: 3, " + kTemplate +
           "}\nstatus: {readyReplicas: 1}",
       {"x", "1/3", "5m", "c", "i"}},
      {"apiVersion: apps/v1\nkind: DaemonSet\nspec: {selector: {matchLabels: {app: a}}, " +
           kTemplate +
           "}\nstatus: {desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1}",
       {"x", "3", "2", "1", "0", "0", "<none>", "5m", "c", "i", "app=a"}},
      {"apiVersion: apps/v1\nkind: ControllerRevision\nrevision: 4\nmetadata: {ownerReferences: "
       "[{apiVersion: apps/v1, kind: StatefulSet, name: s, uid: u, controller: true}]}",
       {"x", "statefulset.apps/s", "4", "5m"}},
      {"apiVersion: v1\nkind: ReplicationController\nspec: {replicas: 2, selector: {app: a}, " +
           kTemplate + "}\nstatus: {replicas: 1, readyReplicas: 1}",
       {"x", "2", "1", "1", "5m", "c", "i", "app=a"}},
      {"apiVersion: v1\nkind: PodTemplate\n" + kTemplate, {"x", "c", "i", "app=a"}},
      {"apiVersion: batch/v1\nkind: Job\nspec: {completions: 2, " + kTemplate +
           "}\nstatus: {succeeded: 1, startTime: '2026-11-23T11:58:00Z'}",
       {"x", "Running", "1/2", "2m", "5m", "c", "i", "<none>"}},
      {"apiVersion: batch/v1\nkind: Job\nspec: {parallelism: 3, " + kTemplate +
           "}\nstatus: {conditions: [{type: Complete, status: 'True'}], startTime: "
           "'2026-11-23T11:58:00Z', completionTime: '2026-11-23T11:58:07Z'}",
       {"x", "Complete", "0/1 of 3", "7s", "5m", "c", "i", "<none>"}},
      {"apiVersion: batch/v1\nkind: CronJob\nspec: {schedule: '@daily', suspend: true, "
       "jobTemplate: "
       "{spec: {" +
           kTemplate + "}}}\nstatus: {lastScheduleTime: '2026-11-23T11:59:00Z'}",
       {"x", "@daily", "<none>", "True", "0", "60s", "5m", "c", "i", "<none>"}},
      {"apiVersion: policy/v1\nkind: PodDisruptionBudget\nspec: {maxUnavailable: 25%}\nstatus: "
       "{disruptionsAllowed: 2}",
       {"x", "N/A", "25%", "2", "5m"}},
      {"apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {rules: [{host: a}, {host: b}, "
       "{host: c}, {host: d}], tls: [{}]}\nstatus: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}",
       {"x", "<none>", "a,b,c + 1 more...", "10.0.0.1", "80, 443", "5m"}},
      {"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {annotations: "
       "{ingressclass.kubernetes.io/is-default-class: 'true'}}\nspec: {controller: e.com/c, "
       "parameters: {apiGroup: e.com, kind: K, name: p}}",
       {"x (default)", "e.com/c", "K.e.com/p", "5m"}},
      {"apiVersion: v1\nkind: PersistentVolume\nspec: {capacity: {storage: 1Gi}, accessModes: "
       "[ReadWriteMany, ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, claimRef: "
       "{namespace: n, name: c}, storageClassName: s}\nstatus: {phase: Bound}",
       {"x", "1Gi", "RWO,RWX", "Retain", "Bound", "n/c", "s", "<unset>", "", "5m", "<unset>"}},
      {"apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {volumeName: v, storageClassName: s, "
       "volumeMode: Block}\nstatus: {phase: Bound, accessModes: [ReadWriteOnce], capacity: "
       "{storage: 1Gi}}",
       {"x", "Bound", "v", "1Gi", "RWO", "s", "<unset>", "5m", "Block"}},
      {"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: {kind: "
       "Deployment, name: d}, maxReplicas: 9, metrics: [{type: Resource, resource: {name: cpu, "
       "target: {averageUtilization: 80}}}, {type: Pods, pods: {metric: {name: m}, target: "
       "{averageValue: 5}}}, {type: External}]}\nstatus: {currentReplicas: 2, currentMetrics: "
       "[{type: Resource, resource: {name: cpu, current: {averageUtilization: 40}}}]}",
       {"x", "Deployment/d", "cpu: 40%/80%, <unknown>/5 + 1 more...", "<unset>", "9", "2", "5m"}},
      {"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: {kind: "
       "Deployment, name: d}, minReplicas: 1, maxReplicas: 9, targetCPUUtilizationPercentage: 50}",
       {"x", "Deployment/d", "cpu: <unknown>/50%", "1", "9", "0", "5m"}},
      {"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nprovisioner: p\nreclaimPolicy: Delete",
       {"x", "p", "Delete", "Immediate", "false", "5m"}},
      {"apiVersion: storage.k8s.io/v1\nkind: CSIDriver\nspec: {tokenRequests: [{audience: a}, "
       "{audience: b}]}",
       {"x", "true", "false", "false", "a,b", "false", "<none>", "5m"}},
      {"apiVersion: storage.k8s.io/v1\nkind: CSINode\nspec: {drivers: [{name: d, nodeID: n}]}",
       {"x", "1", "5m"}},
      {"apiVersion: storage.k8s.io/v1\nkind: CSIStorageCapacity\nstorageClassName: s",
       {"x", "s", "<unset>"}},
      {"apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nspec: {attacher: d, nodeName: n, "
       "source: {persistentVolumeName: v}}\nstatus: {attached: true}",
       {"x", "d", "v", "n", "true", "5m"}},
      {"apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\ndriverName: d",
       {"x", "d", "5m"}},
      {"apiVersion: networking.k8s.io/v1\nkind: IPAddress\nspec: {parentRef: {resource: services, "
       "namespace: n, name: s}}",
       {"x", "services/n/s", "5m"}},
      {"apiVersion: networking.k8s.io/v1\nkind: IPAddress\nspec: {parentRef: {group: E.com, "
       "resource: Things, name: t}}",
       {"x", "things.e.com/t", "5m"}},
      {"apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nspec: {cidrs: [10.0.0.0/24, "
       "'fd00::/112']}",
       {"x", "10.0.0.0/24,fd00::/112", "5m"}},
      {"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nvalue: 7\nglobalDefault: true\n"
       "preemptionPolicy: Never",
       {"x", "7", "true", "5m", "Never"}},
      {"apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nhandler: h", {"x", "h", "5m"}},
      {"apiVersion: events.k8s.io/v1\nkind: Event\nregarding: {kind: Pod, name: p}\nreason: "
       "R\nnote: "
       "n\ntype: Normal\nreportingController: c\neventTime: '2026-11-23T11:59:00.000000Z'",
       {"60s", "Normal", "R", "pod/p", "", "c", "n", "60s", "1", "x"}},
  };
  for (const Row& row : table)
    EXPECT_THAT(row_of(row.yaml, kNow), ElementsAreArray(row.cells)) << row.yaml;
}

}  // namespace
}  // namespace insula::api
