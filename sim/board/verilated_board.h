// What every harness of a verilated board has: the model, its trace, its clock, and when it is quiet.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "Vboard.h"
#include "verilated.h"
#ifdef BOARD_TRACE
#include "verilated_vcd_c.h"
#endif

class VerilatedBoard {
public:
    VerilatedBoard() : top(std::make_unique<Vboard>(&context, "board")) {}
    virtual ~VerilatedBoard() = default;

    // One clock cycle; true when it completed something that the design sent.
    virtual bool cycle() = 0;
    // Things that have not fully entered the design.
    virtual size_t queued() const = 0;

    VerilatedContext context;
    std::unique_ptr<Vboard> top;
#ifdef BOARD_TRACE
    VerilatedVcdC trace;
#endif
    uint64_t cycles = 0;
    uint64_t quiet_cycles = 0;  // since the last byte in either direction or busy cycle

protected:
    // Inputs are set; afterwards the outputs of this cycle can be read.
    void settle() {
        top->clk = 0;
        top->eval();
        dump(0);
    }

    // The clock edge that ends the cycle.
    void tick(bool active) {
        top->clk = 1;
        top->eval();
        dump(1);
        ++cycles;
        quiet_cycles = active ? 0 : quiet_cycles + 1;
    }

private:
    void dump(int phase) {
#ifdef BOARD_TRACE
        trace.dump(2 * cycles + phase);
#else
        (void)phase;
#endif
    }
};

// Of the harness that is linked in.
VerilatedBoard* make_board();
