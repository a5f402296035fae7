#include "api/ephemeral_containers.h"

namespace insula::api {

Container as_container(const EphemeralContainer& ephemeral) {
  const EphemeralContainerCommon& common = ephemeral.ephemeral_container_common;
  Container out;
  out.name = common.name;
  out.image = common.image;
  out.command = common.command;
  out.args = common.args;
  out.working_dir = common.working_dir;
  out.ports = common.ports;
  out.env_from = common.env_from;
  out.env = common.env;
  out.resources = common.resources;
  out.resize_policy = common.resize_policy;
  out.restart_policy = common.restart_policy;
  out.restart_policy_rules = common.restart_policy_rules;
  out.volume_mounts = common.volume_mounts;
  out.volume_devices = common.volume_devices;
  out.liveness_probe = common.liveness_probe;
  out.readiness_probe = common.readiness_probe;
  out.startup_probe = common.startup_probe;
  out.lifecycle = common.lifecycle;
  out.termination_message_path = common.termination_message_path;
  out.termination_message_policy = common.termination_message_policy;
  out.image_pull_policy = common.image_pull_policy;
  out.security_context = common.security_context;
  out.stdin_ = common.stdin_;
  out.stdin_once = common.stdin_once;
  out.tty = common.tty;
  return out;
}

}  // namespace insula::api
