// The C functions of a board that do not depend on what moves its ports; sim/board/compiled.py calls them.

#include "verilated_board.h"

extern "C" {

VerilatedBoard* board_create(const char* trace_path) {
    std::unique_ptr<VerilatedBoard> board(make_board());
#ifdef BOARD_TRACE
    board->context.traceEverOn(true);
    board->top->trace(&board->trace, 99);
    board->trace.open(trace_path);
    if (!board->trace.isOpen()) return nullptr;
#else
    (void)trace_path;
#endif
    return board.release();
}

void board_destroy(VerilatedBoard* board) {
#ifdef BOARD_TRACE
    board->trace.close();
#endif
    board->top->final();
    delete board;
}

// Runs until the design sent something, until nothing happened for `quiet_cycles`, or for `max_cycles`; returns the
// cycles run.
uint64_t board_run(VerilatedBoard* board, uint64_t max_cycles, uint64_t quiet_cycles) {
    board->quiet_cycles = board->queued() ? 0 : board->quiet_cycles;
    for (uint64_t done = 0; done < max_cycles; ++done) {
        if (board->quiet_cycles >= quiet_cycles) return done;
        if (board->cycle()) return done + 1;
    }
    return max_cycles;
}

int board_quiet(const VerilatedBoard* board, uint64_t quiet_cycles) {
    return !board->queued() && board->quiet_cycles >= quiet_cycles;
}

size_t board_queued(const VerilatedBoard* board) { return board->queued(); }

uint64_t board_cycles(const VerilatedBoard* board) { return board->cycles; }
}
