"""Which modules are mutated, and the tests of each: those named after it or its unit, not the ones far away."""

from pathlib import Path

__all__ = ["MODULES", "ROOT"]

ROOT = Path(__file__).parents[2]

_COSTS = ("cost_model/test_costs.py",)
_MEMORIES = ("cost_model/test_memories.py",)
_SIZING = ("cost_model/test_sizing.py",)
_COORDINATOR = ("host/test_coordinator.py", "host/test_coordinator_rates.py")
_PROFILE = ("host/test_profile.py",)
_SESSION = ("host/test_session.py",)

_TESTS = {
    "hdl/contract/address.py": ("hdl/test_address.py",),
    "hdl/contract/config.py": ("hdl/test_config.py",),
    "hdl/contract/program.py": ("hdl/test_program.py",),
    "hdl/contract/timing.py": ("compiler/test_cycles.py",),
    "hdl/contract/protocol.py": ("hdl/test_protocol.py",),
    "compiler/convolution/backward.py": ("compiler/test_convolution.py",),
    "compiler/convolution/constants.py": ("compiler/test_map_layout.py", "compiler/test_convolution.py"),
    "compiler/convolution/forward.py": ("compiler/test_convolution.py",),
    "compiler/convolution/gradient.py": ("compiler/test_convolution.py",),
    "compiler/convolution/kernel.py": ("compiler/test_convolution.py",),
    "compiler/convolution/loops.py": ("compiler/convolution/test_loops.py", "compiler/test_convolution.py"),
    "compiler/convolution/pool.py": ("compiler/test_convolution.py",),
    "compiler/convolution/update.py": ("compiler/test_convolution.py",),
    "compiler/convolution/windows.py": ("compiler/convolution/test_windows.py",),
    "compiler/cycles.py": ("compiler/test_cycles.py",),
    "compiler/layout.py": ("compiler/test_layout.py",),
    "compiler/lowering.py": ("compiler/test_lowering.py",),
    "compiler/network/layers.py": ("compiler/test_layers.py", "compiler/test_layout.py"),
    "compiler/network/network.py": ("compiler/test_layers.py", "compiler/test_layout.py"),
    "compiler/network/subsample.py": ("host/test_network.py", "host/test_sampled_maps.py"),
    "compiler/network/reference.py": ("compiler/test_reference.py",),
    "compiler/schedule.py": ("compiler/test_schedule.py", "compiler/test_lowering.py"),
    "compiler/dense.py": ("compiler/test_lowering.py", "compiler/test_convolution.py"),
    "compiler/inputs.py": ("compiler/test_map_layout.py", "compiler/test_convolution.py"),
    "compiler/phase.py": ("compiler/convolution/test_efficiency.py", "compiler/test_schedule.py"),
    "compiler/steps.py": ("compiler/test_map_layout.py", "compiler/test_convolution.py"),
    "compiler/streamed_layout.py": ("compiler/test_streaming.py",),
    "compiler/streaming.py": ("compiler/test_streaming.py", "host/test_streamed_board.py"),
    "compiler/tensors.py": ("compiler/test_map_layout.py", "compiler/test_layout.py"),
    "compiler/weight_order.py": ("compiler/test_map_layout.py", "compiler/test_convolution.py"),
    "cost_model/boards.py": ("cost_model/test_boards.py",),
    "cost_model/costs.py": _COSTS,
    "cost_model/design.py": _SIZING,
    "cost_model/devices/__init__.py": ("cost_model/test_devices.py",),
    "cost_model/engine_choice.py": _SIZING,
    "cost_model/link_time.py": (*_COSTS, "cost_model/test_step_time.py"),
    "cost_model/local_network.py": _SIZING,
    "cost_model/memories.py": _MEMORIES,
    "cost_model/memory_mapping.py": _MEMORIES,
    "cost_model/profile.py": _PROFILE,
    "cost_model/resources.py": _MEMORIES,
    "cost_model/routed.py": ("cost_model/test_routed.py",),
    "cost_model/sizing.py": _SIZING,
    "cost_model/step_time.py": (*_COSTS, "cost_model/test_step_time.py"),
    "cost_model/forward_sizing.py": ("cost_model/test_forward_sizing.py",),
    "cost_model/streamed_time.py": ("cost_model/test_forward_sizing.py",),
    "cost_model/worker_sizing.py": _PROFILE,
    "sim/board/impairment.py": ("sim/test_impairment.py",),
    "sim/board/lighten.py": ("sim/test_lighten.py",),
    "sim/board/memory_board.py": ("sim/test_memory_board.py",),
    "sim/board/server.py": ("sim/test_board_server.py",),
    "sim/golden/link/cobs.py": ("sim/test_uart_twin.py",),
    "sim/golden/link/endpoint.py": ("sim/test_link_twin.py",),
    "host/board/board.py": ("host/test_board.py",),
    "host/board/streamed.py": ("host/test_streamed_board.py",),
    "host/data/lzw.py": ("host/test_lzw.py",),
    "host/global_network/global_network.py": ("host/test_network.py",),
    "host/link/channel.py": _SESSION,
    "host/link/discovery.py": ("host/test_discovery.py",),
    "host/link/reads.py": ("host/test_reads.py",),
    "host/link/serial.py": ("host/test_serial.py",),
    "host/link/session.py": _SESSION,
    "host/link/udp.py": ("host/test_udp.py",),
    "host/link/window.py": ("host/test_send_window.py",),
    "host/global_network/widen.py": ("host/test_evolving.py",),
    "host/projection/dictionary.py": ("host/test_dictionary.py",),
    "host/projection/feedback.py": ("host/test_feedback.py",),
    "host/projection/projection.py": ("host/test_projection.py",),
    "host/projection/rotation.py": ("host/test_rotation.py",),
    "host/projection/stream.py": ("host/test_transformer.py",),
    "host/projection/subspace.py": ("host/test_transformer.py",),
    "host/training/checkpoint.py": ("host/test_checkpoint.py",),
    "host/training/coordinator.py": _COORDINATOR,
    "host/training/settings.py": ("host/test_settings.py",),
    "host/training/state.py": ("host/test_run_state.py",),
    "host/workers/assignment.py": ("host/test_run_state.py", *_COORDINATOR),
    "host/workers/engine.py": ("host/test_backends.py",),
    "host/workers/pytorch.py": ("host/test_backends.py",),
}

MODULES = {module: tuple(f"tests/unit/{test}" for test in tests) for module, tests in _TESTS.items()}
"""Path of a module to the paths of its tests, all below `ROOT`."""
