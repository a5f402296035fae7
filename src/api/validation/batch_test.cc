#include "api/validation/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

const std::string kPods = "{spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}";

std::string job(const std::string& spec, const std::string& rest = "") {
  return "apiVersion: batch/v1\nkind: Job\nspec: {template: " + kPods +
         (spec.empty() ? "" : ", " + spec) + "}\n" + rest;
}

std::string cron_job(const std::string& spec) {
  return "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: " + kPods +
         "}}, " + spec + "}";
}

TEST(Job, WithoutLabelsHasThoseOfItsPods) {
  const std::string labelled =
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x, uid: u}\nspec: {template: {metadata: "
      "{labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}";
  EXPECT_THAT(created(labelled).as<Job>().metadata.labels,
              UnorderedElementsAre(Pair("a", "b"), Pair("batch.kubernetes.io/controller-uid", "u"),
                                   Pair("batch.kubernetes.io/job-name", "x"),
                                   Pair("controller-uid", "u"), Pair("job-name", "x")));
  EXPECT_THAT(created(job("")).as<Job>().metadata.labels, IsEmpty());
}

TEST(Job, GetsASelectorThatNoOtherObjectHas) {
  const TestObject made = created(job(""));
  const Job& it = made.as<Job>();
  EXPECT_THAT(it.spec.selector->match_labels,
              ElementsAre(Pair("batch.kubernetes.io/controller-uid", "u")));
  EXPECT_THAT(it.spec.template_.metadata.labels,
              UnorderedElementsAre(Pair("batch.kubernetes.io/controller-uid", "u"),
                                   Pair("batch.kubernetes.io/job-name", "x"),
                                   Pair("controller-uid", "u"), Pair("job-name", "x")));
  EXPECT_EQ(it.spec.completions, 1);
  EXPECT_EQ(it.spec.parallelism, 1);
  EXPECT_EQ(it.spec.backoff_limit, 6);
  EXPECT_EQ(it.spec.completion_mode, "NonIndexed");
  EXPECT_EQ(it.spec.pod_replacement_policy, "TerminatingOrFailed");
  EXPECT_EQ(it.metadata.generation, 1);
  EXPECT_THAT(wrong(job("")), IsEmpty());
}

TEST(Job, LeavesTheSelectorToTheUserWhoAsksForThat) {
  const std::string manual =
      "apiVersion: batch/v1\nkind: Job\nspec: {manualSelector: true, selector: {matchLabels: "
      "{app: a}}, template: {metadata: {labels: {app: b}}, spec: {restartPolicy: Never, "
      "containers: [{name: c, image: i}]}}}";
  EXPECT_THAT(wrong(manual),
              ElementsAre("spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: "
                          "`selector` does not match template `labels`"));
}

TEST(Job, MustSayHowItsPodsEnd) {
  EXPECT_THAT(wrong("apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: "
                    "c, image: i}]}}}"),
              ElementsAre("spec.template.spec.restartPolicy: Required value: valid values: "
                          "\"OnFailure\", \"Never\""));
}

TEST(Job, RefusesNumbersThatMakeNoSense) {
  EXPECT_THAT(wrong(job("parallelism: -1, completions: -2, backoffLimit: -3")),
              ElementsAre("spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
                          "spec.completions: Invalid value: -2: must be greater than or equal to 0",
                          "spec.backoffLimit: Invalid value: -3: must be greater than or equal to "
                          "0"));
  EXPECT_THAT(wrong(job("completionMode: Indexed")), IsEmpty());
  EXPECT_THAT(wrong(job("completionMode: Indexed, parallelism: 2")),
              ElementsAre("spec.completions: Required value: when completion mode is Indexed"));
  EXPECT_THAT(
      wrong(job("backoffLimitPerIndex: 1")),
      ElementsAre("spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion "
                  "mode"));
  EXPECT_THAT(wrong(job("managedBy: me")),
              ElementsAre("spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path "
                          "(such as \"acme.io/foo\")"));
}

TEST(Job, ChecksItsPolicies) {
  EXPECT_THAT(
      wrong(job("podFailurePolicy: {rules: [{action: Ignore}, {action: Nope, onExitCodes: "
                "{operator: In, values: [3, 1]}}]}")),
      ElementsAre(
          "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and "
          "OnPodConditions is required",
          "spec.podFailurePolicy.rules[1].action: Unsupported value: \"Nope\": supported "
          "values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
          "spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: [3,1]: must be "
          "ordered"));
  EXPECT_THAT(
      wrong(job("completionMode: Indexed, completions: 3, successPolicy: {rules: "
                "[{succeededIndexes: '0-4'}]}")),
      ElementsAre("spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-4\": error "
                  "parsing succeededIndexes: too large index: \"4\""));
}

TEST(Job, IsFixedButForWhatStartsAndStopsIt) {
  EXPECT_THAT(wrong_change(job("completions: 2"), job("completions: 3, selector: {matchLabels: "
                                                      "{batch.kubernetes.io/controller-uid: u}}")),
              testing::Contains("spec.completions: Invalid value: 3: field is immutable"));
  const TestObject old = created(job(""));
  Job now = old.as<Job>();
  now.spec.suspend = true;
  now.spec.parallelism = 5;
  prepare_update(*old.kind, &now, old.object.get(), "");
  EXPECT_THAT(causes_of(check_update(*old.kind, &now, old.object.get(), "")), IsEmpty());
  EXPECT_EQ(now.metadata.generation, 2);
  now.spec.template_.spec.containers[0].image = "other";
  EXPECT_THAT(causes_of(check_update(*old.kind, &now, old.object.get(), "")),
              ElementsAre(testing::HasSubstr("spec.template: Invalid value: ")));
}

TEST(Job, MayBeMovedWhileItWaits) {
  const TestObject old = created(job("suspend: true"));
  Job now = old.as<Job>();
  now.spec.template_.spec.node_selector = {{"gpu", "yes"}};
  EXPECT_THAT(causes_of(check_update(*old.kind, &now, old.object.get(), "")), IsEmpty());
  now.spec.template_.spec.containers[0].image = "other";
  EXPECT_FALSE(check_update(*old.kind, &now, old.object.get(), ""));
}

TEST(Job, StatusGoesForwardOnly) {
  const std::string done =
      "status: {startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:01:00Z', "
      "succeeded: 1, conditions: [{type: SuccessCriteriaMet, status: 'True'}, {type: Complete, "
      "status: 'True'}]}";
  EXPECT_THAT(wrong_change(job(""), job("", done), "status"), IsEmpty());
  EXPECT_THAT(
      wrong_change(job("", done), job("", "status: {startTime: '2026-01-01T00:00:00Z'}"), "status"),
      ElementsAre("status.conditions: Invalid value: cannot disable the terminal Complete=True "
                  "condition",
                  "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True "
                  "condition",
                  "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter"));
  EXPECT_THAT(
      wrong_change(job(""),
                   job("",
                       "status: {active: 1, ready: 2, conditions: [{type: Failed, status: "
                       "'True'}]}"),
                   "status"),
      ElementsAre("status.conditions: Invalid value: cannot set Failed=True condition without the "
                  "FailureTarget=true condition",
                  "status.startTime: Required value: startTime is required for finished job",
                  "status.active: Invalid value: 1: active>0 is invalid for finished job",
                  "status.ready: Invalid value: 2: cannot set more ready pods than active"));
}

TEST(Indexes, AreCountedOrRefused) {
  EXPECT_EQ(read_indexes("0,2-4,7", 8).count, 5);
  EXPECT_EQ(read_indexes("", 8).count, 0);
  EXPECT_EQ(read_indexes("3,2", 8).complaint, "non-increasing order, previous: 3, current: 2");
  EXPECT_EQ(read_indexes("4-4", 8).complaint, "non-increasing order, previous: 4, current: 4");
  EXPECT_EQ(read_indexes("1-2-3", 8).complaint,
            "the fragment \"1-2-3\" violates the requirement that an index interval can have at "
            "most two parts separated by '-'");
  EXPECT_EQ(read_indexes("a", 8).complaint, "cannot convert string to integer for index: \"a\"");
}

TEST(CronSchedule, TakesWhatCrontabTakes) {
  for (const char* right : {"* * * * *", "*/5 0-23/2 1,15 jan-jun MON-FRI", "@daily",
                            "@every 1h30m", "0 0 ? * 0", "5/10 * * * *"}) {
    EXPECT_THAT(check_cron_schedule(right), IsEmpty()) << right;
  }
}

TEST(CronSchedule, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> table[] = {
      {"* * * *", "expected exactly 5 fields, found 4: [* * * *]"},
      {"60 * * * *", "end of range (60) above maximum (59): 60"},
      {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"*/2/3 * * * *", "too many slashes: */2/3"},
      {"x * * * *", "failed to parse int from x"},
      {"@never", "unrecognized descriptor: @never"},
      {"@every soon", "failed to parse duration @every soon"},
  };
  for (const auto& [schedule, complaint] : table)
    EXPECT_THAT(check_cron_schedule(schedule), ElementsAre(complaint)) << schedule;
}

TEST(CronJob, ChecksScheduleZoneAndTemplate) {
  EXPECT_THAT(wrong(cron_job("schedule: '@hourly', timeZone: Europe/Berlin")), IsEmpty());
  EXPECT_THAT(wrong(cron_job("schedule: ''")), ElementsAre("spec.schedule: Required value"));
  EXPECT_THAT(
      wrong(cron_job("schedule: 'TZ=UTC * * * * *', timeZone: Local, concurrencyPolicy: Maybe")),
      ElementsAre("spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in "
                  "schedule, use timeZone field instead",
                  "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone "
                  "as defined in https://www.iana.org/time-zones",
                  "spec.concurrencyPolicy: Unsupported value: \"Maybe\": supported values: "
                  "\"Allow\", \"Forbid\", \"Replace\""));
  EXPECT_THAT(wrong(cron_job("schedule: '@daily', timeZone: Mars//Base")),
              ElementsAre("spec.timeZone: Invalid value: \"Mars//Base\": unknown time zone "
                          "Mars//Base"));
  const std::string long_name(53, 'a');
  EXPECT_THAT(wrong(cron_job("schedule: '@daily'") + "\nmetadata: {name: " + long_name + "}"),
              ElementsAre("metadata.name: Invalid value: \"" + long_name +
                          "\": must be no more than 52 characters"));
}

}  // namespace
}  // namespace insula::api
