# SPDX-License-Identifier: Apache-2.0
"""The fusion node: two camera topics in, the fused image and what is seen in it out."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Any

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from bifuse_core.engine.engine import Engine
from bifuse_core.streams.presence import Mode
from bifuse_ros.alignment import alignment_values
from bifuse_ros.camera_topics import image_topic, subscribe
from bifuse_ros.diagnostics import fusion_status, idle_status
from bifuse_ros.frame import CAMERAS, Frame
from bifuse_ros.fusion_engine import change_engine, create_engine
from bifuse_ros.fusion_parameters import PARAMETERS, declare_settings
from bifuse_ros.fusion_path import FusionPath
from bifuse_ros.pairing import create_pairing
from bifuse_ros.parameters import refuse_unknown
from bifuse_ros.perception_path import PerceptionPath
from bifuse_ros.reloading import reload
from bifuse_ros.results import Results
from bifuse_ros.running import run

WATCH_INTERVAL = 0.1
"""Seconds between two looks at whether the cameras are still there."""
LOG_INTERVAL = 5.0
"""Seconds between two log lines about the same camera."""


class FusionNode(LifecycleNode):
    """Pairs thermal and RGB images, fuses them, sees what is there, and publishes all that.

    Subscribes `thermal/image_raw`, `rgb/image_raw` and `camera_info` beside each; publishes the
    topics of `Results` and `/diagnostics`; offers `~/reload_weights`.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("fusion_node", **node_options)
        self._engine: Engine | None = None
        self._path: FusionPath | None = None
        self._perception: PerceptionPath | None = None
        self._results: Results | None = None
        self._inputs: list[Any] = []
        self._camera_info: dict[int, CameraInfo] = {}
        self._logged: dict[str, float] = {}
        self._threads = torch.get_num_threads()
        self._settings = declare_settings(self)
        self.add_on_set_parameters_callback(self._change_parameters)
        alone = MutuallyExclusiveCallbackGroup()
        self.create_service(Trigger, "~/reload_weights", self._reload_weights, callback_group=alone)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Not the clock of a bag: diagnostics go on while that is paused or jumps.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._diagnose, clock=steady)
        self.create_timer(WATCH_INTERVAL, self._watch, clock=steady)

    def start(self) -> None:
        """Configure and activate, if the parameter `autostart` says so."""
        if not self._settings["autostart"]:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        if self._path is None:
            self.get_logger().error("not active; mend what is wrong, then configure and activate")

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and verify the weights, warm up, and create the publishers."""
        settings = self._settings
        try:
            refuse_unknown(self, PARAMETERS)
            create_pairing(settings)  # whether that can be is to be known now
            torch.set_num_threads(settings["threads"] or self._threads)
            self._engine = create_engine(settings)
        # rclpy would swallow an exception without a word.
        except Exception as error:
            self.get_logger().error(f"cannot configure: {error}")
            self._release()
            return TransitionCallbackReturn.FAILURE
        self._results = Results(self, self._engine)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start the workers."""
        assert self._engine is not None and self._results is not None
        self._camera_info.clear()
        self._perception = PerceptionPath(
            self._engine, self._results, self._settings, self._age, self._report
        )
        self._path = FusionPath(
            self._engine, self._settings, self._camera_info, self._publish, self._report
        )
        try:
            for which in CAMERAS:
                self._inputs += subscribe(
                    self, self._settings, which, self._path.receive, self._camera_info
                )
        except Exception as error:
            self.get_logger().error(f"cannot activate: {error}")
            self._stop()
            return TransitionCallbackReturn.FAILURE
        activated = super().on_activate(state)
        self._results.publish_labels()
        return activated

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and finish the pair in hand."""
        self._stop()
        if self._results:
            self._results.publish_source(Mode.NOTHING)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and its memory, and take the results off the graph."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End from any state."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured, from where the node can be configured again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """End the worker with the node, whatever its state."""
        self._stop()
        super().destroy_node()

    def _stop(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        # In the order of the pictures, so that nobody works for one who has ended.
        for path in (self._path, self._perception):
            if path:
                path.close()
        self._path = self._perception = None

    def _release(self) -> None:
        self._stop()
        self._engine = None
        if self._results:
            self._results.destroy()
        self._results = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # Results and reports, from any thread

    def _publish(self, picture: NDArray[np.uint8], reference: Frame, source: Mode) -> None:
        results, path, perception = self._results, self._path, self._perception
        if not (results and path and perception):
            return  # it is ending
        results.publish_source(source)
        results.publish_fused(picture, reference.header, self._camera_info.get(reference.which))
        path.health.latency["age"].add(self._age(reference.stamp))
        perception.see(picture, reference.header, reference.stamp, source)

    def _age(self, stamp: int) -> float:
        return float(self.get_clock().now().nanoseconds - stamp) * 1e-9

    def _report(self, subject: str, text: str) -> None:
        now = monotonic()
        if not self.context.ok():
            return  # the node is ending, and so does what it was at
        if now - self._logged.get(subject, -LOG_INTERVAL) < LOG_INTERVAL:
            return
        self._logged[subject] = now
        where = self._topic(subject) if subject in CAMERAS.values() else subject
        self.get_logger().error(f"{where}: {text}")

    def _topic(self, camera: str) -> str:
        return str(self.resolve_topic_name(image_topic(self._settings, camera)))

    def _watch(self) -> None:
        if self._path and self._results and self._path.watch() is Mode.NOTHING:
            self._results.publish_source(Mode.NOTHING)

    def _diagnose(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name().removeprefix("/")
        if self.get_node_names_and_namespaces().count((self.get_name(), self.get_namespace())) > 1:
            self._report(name, f"another node is named /{name} too; rename one (-r __node:=NAME)")
        message.status = [idle_status(name)]
        if self._engine and self._path and self._perception:
            fusion = fusion_status(
                name,
                self._path.health,
                self._path.pairing.counters,
                self._path.pairing.state,
                topics={camera: self._topic(camera) for camera in CAMERAS.values()},
                slop=self._settings["sync.slop"],
                offset=self._settings["sync.offset"],
                facts=self._engine.facts()
                | alignment_values(
                    self._settings.alignment, self._camera_info, self._settings["reference"]
                ),
                displaced=self._path.displaced,
                displaced_alone=self._path.displaced_alone,
                presence=self._path.presence,
            )
            message.status = [fusion, *self._perception.statuses(name)]
        self._diagnostics.publish(message)

    # Requests

    def _change_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        changes = {parameter.name: parameter.value for parameter in parameters}
        try:
            settings = self._settings.changed(changes, active=self._path is not None)
            if self._engine:
                change_engine(self._engine, settings)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._settings = settings
        for path in (self._path, self._perception):
            if path:
                path.change(settings)
        return SetParametersResult(successful=True)

    async def _reload_weights(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        engine = self._engine
        if engine is None:
            response.message = "the node is not configured"
            return response
        error = await reload(self, engine, self._settings.weights)
        if error:
            response.message = f"the old weights stay: {error}"
            return response
        if self._path and self._results:
            self._results.publish_labels()
        response.success = True
        facts = engine.facts().items()
        response.message = ", ".join(f"{name} {fact}" for name, fact in facts if "sha256" in name)
        return response


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted."""
    return run(FusionNode, args, FusionNode.start)


if __name__ == "__main__":
    sys.exit(main())
