# SPDX-License-Identifier: Apache-2.0
"""The fusion node: two camera topics in, one fused image out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from bifuse_core.engine.engine import Engine
from bifuse_core.streams.pairing import RGB, THERMAL, Pair, StreamPairing
from bifuse_core.streams.worker import Worker
from bifuse_ros import conversions, qos
from bifuse_ros.diagnostics import Health, fusion_status
from bifuse_ros.fusion_parameters import PARAMETERS, declare_settings
from bifuse_ros.parameters import refuse_unknown
from bifuse_ros.running import run

CAMERAS = {THERMAL: "thermal", RGB: "rgb"}
LOG_INTERVAL = 5.0
"""Seconds between two log lines about the same topic."""


@dataclass(frozen=True)
class Frame:
    """One picture on its way through the node."""

    header: Header
    stamp: int
    picture: NDArray[Any]
    received: float
    """`perf_counter` at receipt."""


class FusionNode(LifecycleNode):
    """Pairs thermal and RGB images, fuses them, and publishes the result.

    Subscribes `thermal/image_raw`, `rgb/image_raw` and `camera_info` beside each; publishes
    `~/fused/image`, `~/fused/camera_info` and `/diagnostics`; offers `~/reload_weights`.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("fusion_node", **node_options)
        self._engine: Engine | None = None
        self._worker: Worker[Pair[Frame]] | None = None
        self._active_parts: list[Any] = []
        self._settings = declare_settings(self)
        self._camera_info: dict[int, CameraInfo] = {}
        self._logged: dict[str, float] = {}
        self._renew()
        self.add_on_set_parameters_callback(self._change_parameters)
        self.create_service(Trigger, "~/reload_weights", self._reload_weights)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._diagnose)

    def start(self) -> None:
        """Configure and activate, if the parameter `autostart` says so."""
        if self._settings["autostart"] and (
            self.trigger_configure() == TransitionCallbackReturn.SUCCESS
        ):
            self.trigger_activate()

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and verify the weights, warm up, and create the publishers."""
        settings = self._settings
        try:
            refuse_unknown(self, PARAMETERS)
            if settings["threads"]:
                torch.set_num_threads(settings["threads"])
            self._engine = Engine(
                settings["network"],
                weights=settings.weights,
                device=settings["device"],
                precision=settings["precision"],
                thermal=settings.thermal,
            )
            self._engine.warm_up(settings["warm_up.width"], settings["warm_up.height"])
        except (ValueError, RuntimeError, OSError) as error:
            self.get_logger().error(f"cannot configure: {error}")
            self._engine = None
            return TransitionCallbackReturn.FAILURE
        events = qos.publisher_events(self, "~/fused/image")
        self._fused = self.create_lifecycle_publisher(
            Image, "~/fused/image", qos.RESULTS, event_callbacks=events
        )
        self._fused_info = self.create_lifecycle_publisher(
            CameraInfo, "~/fused/camera_info", qos.RESULTS
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start the worker."""
        self._renew()
        self._worker = Worker("fusion", self._fuse, self._fusion_failed)
        for which, camera in CAMERAS.items():
            self._subscribe(which, camera)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and finish the pair in hand."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and its memory, and take the results off the graph."""
        self._stop()
        self._engine = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        for publisher in (self._fused, self._fused_info):
            self.destroy_lifecycle_publisher(publisher)
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End from any state."""
        self._stop()
        self._engine = None
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured, from where the node can be configured again."""
        self._stop()
        self._engine = None
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """End the worker with the node, whatever its state."""
        self._stop()
        super().destroy_node()

    def _renew(self) -> None:
        settings = self._settings
        self._health = Health()
        self._pairing: StreamPairing[Frame] = StreamPairing(
            round(settings["sync.slop"] * 1e9),
            offset=round(settings["sync.offset"] * 1e9),
            capacity=settings["sync.capacity"],
        )

    def _subscribe(self, which: int, camera: str) -> None:
        compressed = self._settings[f"{camera}.transport"] == "compressed"
        topic = f"{camera}/image_raw" + ("/compressed" if compressed else "")
        self._active_parts += [
            self.create_subscription(
                CompressedImage if compressed else Image,
                topic,
                partial(self._receive, which),
                qos.camera(self._settings["queue_depth"]),
                event_callbacks=qos.subscription_events(self, topic),
                qos_overriding_options=qos.overridable(),
            ),
            self.create_subscription(
                CameraInfo,
                f"{camera}/camera_info",
                partial(self._camera_info.__setitem__, which),
                qos.camera(self._settings["queue_depth"]),
            ),
        ]

    def _stop(self) -> None:
        for subscription in self._active_parts:
            self.destroy_subscription(subscription)
        self._active_parts = []
        if self._worker:
            self._worker.stop()
            self._worker = None

    # The way of a picture

    def _receive(self, which: int, message: Image | CompressedImage) -> None:
        camera, received = CAMERAS[which], perf_counter()
        self._health.received[camera].tick()
        convert = conversions.thermal_picture if which == THERMAL else conversions.rgb_picture
        try:
            picture = convert(message)
        except conversions.ImageError as error:
            self._health.rejected[camera] += 1
            self._log_error(f"{camera}/image_raw", f"image rejected: {error}")
            return
        self._health.latency["convert"].add(perf_counter() - received)
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        self._health.stamps[camera] = stamp
        frame = Frame(message.header, stamp, picture, received)
        for pair in self._pairing.push(which, stamp, frame):
            if self._worker:
                self._worker.mailbox.put(pair)

    def _fuse(self, pair: Pair[Frame]) -> None:
        health, engine = self._health, self._engine
        assert engine is not None
        which = THERMAL if self._settings["reference"] == "thermal" else RGB
        reference = pair.thermal if which == THERMAL else pair.rgb
        started = perf_counter()
        fused = engine.fuse(pair.thermal.picture, pair.rgb.picture, reference.stamp)
        finished = perf_counter()
        self._fused.publish(conversions.image_message(fused, "rgb8", reference.header))
        info = self._camera_info.get(which)
        if info is not None:
            info.header = reference.header
            self._fused_info.publish(info)
        published = perf_counter()
        received = max(pair.thermal.received, pair.rgb.received)
        health.skew = pair.skew
        health.latency["wait"].add(started - received)
        health.latency["fuse"].add(finished - started)
        health.latency["publish"].add(published - finished)
        health.latency["total"].add(published - received)
        health.latency["age"].add((self.get_clock().now().nanoseconds - reference.stamp) * 1e-9)
        health.fused.tick()

    def _fusion_failed(self, error: Exception) -> None:
        self._health.failed += 1
        self._log_error("fusion", f"pair not fused: {error}")

    def _log_error(self, subject: str, text: str) -> None:
        now = monotonic()
        if now - self._logged.get(subject, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._logged[subject] = now
            self.get_logger().error(f"{subject}: {text}")

    # Services and parameters

    def _change_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        changes = {parameter.name: parameter.value for parameter in parameters}
        try:
            settings = self._settings.changed(changes, active=self._worker is not None)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._settings = settings
        self._pairing.slop = round(settings["sync.slop"] * 1e9)
        self._pairing.offset = round(settings["sync.offset"] * 1e9)
        if self._engine:
            self._engine.thermal.settings = settings.thermal
        return SetParametersResult(successful=True)

    def _reload_weights(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._engine is None:
            response.message = "the node is not configured"
            return response
        try:
            self._engine.reload(self._settings.weights)
        except (ValueError, RuntimeError, OSError) as error:
            response.message = f"the old weights stay: {error}"
            return response
        response.success = True
        response.message = f"sha256 {self._engine.checksum}"
        return response

    def _diagnose(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        engine, worker = self._engine, self._worker
        if engine is None or worker is None:
            status = DiagnosticStatus(
                level=DiagnosticStatus.OK, name=f"{self.get_name()}: fusion", message="not active"
            )
        else:
            status = fusion_status(
                self.get_name(),
                self._health,
                self._pairing.counters,
                topics={c: self.resolve_topic_name(f"{c}/image_raw") for c in CAMERAS.values()},
                slop=self._settings["sync.slop"],
                facts=engine.facts(),
                displaced=worker.mailbox.displaced,
            )
        message.status = [status]
        self._diagnostics.publish(message)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted."""
    return run(FusionNode, args, FusionNode.start)


if __name__ == "__main__":
    sys.exit(main())
