// Training batches of fully connected layers in float32, one call for all batches of a push (dense_push.py).
//
// Values behind a step are batch x (width + 1): the 1 in the last column is the input of the biases. A matrix of weights
// is outputs x (inputs + 1), biases in its last column, so that one product computes W x + b and another the gradient of
// both.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

extern "C" {

// sgemm of Fortran, column by column: it sees every matrix of this file transposed.
typedef void Sgemm(const char *, const char *, const int *, const int *, const int *, const float *, const float *,
                   const int *, const float *, const int *, const float *, float *, const int *);

enum Kind { DENSE, DROPOUT };
enum Function { IDENTITY, RELU, TANH, SIGMOID };
enum Optimiser { SGD, MOMENTUM, ADAGRAD };

struct Step {
    int32_t kind, function, inputs, outputs;
    float *weights, *state;   // of DENSE: outputs x (inputs + 1)
    float *values;            // behind the step
    const uint16_t *drawn;    // of DROPOUT: batches x batch x outputs; values below `dropped` drop theirs
    int64_t dropped;
};

struct Push {
    Sgemm *sgemm;
    int32_t steps, batch, mse, optimiser;
    float momentum, weight_decay;
    Step *step;
    float *inputs;            // batch x (inputs + 1), the last column 1
    float *errors[2];         // batch x the widest step
    float *gradient;          // of the largest matrix of weights, for ADAGRAD
};

}  // extern "C"

namespace {

// e^x by 2^n e^r with |r| <= ln(2) / 2 and the Taylor polynomial of degree 7, which is within 1.2e-8 of e^r there; with
// rounding within 3e-7 of e^x relatively. Below -87 and above 88 it stays what it is there; NaN stays NaN.
inline float exponential(float x) {
    const float rounder = 12582912.0f;  // 1.5 * 2^23: what is added to it has no fraction
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float shifted = x * 1.44269504f + rounder, n = shifted - rounder;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    std::memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    float power;
    std::memcpy(&power, &bits, 4);
    return p * power;
}

// Within 2e-7 of tanh(x).
inline float hyperbolic_tangent(float x) {
    const float e = exponential(2 * (x < 0 ? x : -x)), t = (1 - e) / (1 + e);
    return x < 0 ? -t : t;
}

void activate(float *z, int width, int32_t function) {
    switch (function) {
    case RELU:
        for (int i = 0; i < width; i++) z[i] = z[i] < 0 ? 0 : z[i];
        break;
    case TANH:
        for (int i = 0; i < width; i++) z[i] = hyperbolic_tangent(z[i]);
        break;
    case SIGMOID:
        for (int i = 0; i < width; i++) z[i] = 1 / (1 + exponential(-z[i]));
        break;
    }
}

// Errors times the derivative of the function, from its values.
void slope(float *__restrict__ error, const float *__restrict__ h, int width, int32_t function) {
    switch (function) {
    case RELU:
        for (int i = 0; i < width; i++) error[i] = h[i] > 0 ? error[i] : 0;
        break;
    case TANH:
        for (int i = 0; i < width; i++) error[i] *= 1 - h[i] * h[i];
        break;
    case SIGMOID:
        for (int i = 0; i < width; i++) error[i] *= h[i] * (1 - h[i]);
        break;
    }
}

void drop(float *__restrict__ to, const float *__restrict__ from, const uint16_t *__restrict__ drawn, int width,
          int dropped) {
    const float scale = 65536.0f / (65536 - dropped);
    for (int i = 0; i < width; i++) to[i] = drawn[i] >= dropped ? from[i] * scale : 0;
}

// Gradient of the loss of one sample for its outputs; whether the largest is that of the label.
bool output_error(float *__restrict__ error, const float *__restrict__ y, int classes, int64_t label, bool mse) {
    int largest = 0;
    for (int i = 1; i < classes; i++)
        if (y[i] > y[largest]) largest = i;
    if (mse) {
        for (int i = 0; i < classes; i++) error[i] = y[i];
    } else {
        const float top = y[largest];
        float sum = 0;
        for (int i = 0; i < classes; i++) error[i] = exponential(y[i] - top);
        for (int i = 0; i < classes; i++) sum += error[i];
        for (int i = 0; i < classes; i++) error[i] /= sum;
    }
    error[label] -= 1;
    return largest == label;
}

void forward(const Push &push, const Step &step, const float *before, int batch_number) {
    const float one = 1, zero = 0;
    const int in = step.inputs + 1, out = step.outputs + 1;
    if (step.kind == DENSE)
        push.sgemm("T", "N", &step.outputs, &push.batch, &in, &one, step.weights, &in, before, &in, &zero, step.values,
                   &out);
    for (int row = 0; row < push.batch; row++) {
        float *values = step.values + (int64_t)row * out;
        if (step.kind == DENSE)
            activate(values, step.outputs, step.function);
        else
            drop(values, before + (int64_t)row * in,
                 step.drawn + ((int64_t)batch_number * push.batch + row) * step.outputs, step.outputs, step.dropped);
    }
}

// v = momentum * v - rate * g, of which the product has made all but the decay; w += v.
void move(const Push &push, float *__restrict__ w, float *__restrict__ v, int64_t count, float rate) {
    const float decay = rate * push.weight_decay;
    for (int64_t i = 0; i < count; i++) {
        v[i] -= decay * w[i];
        w[i] += v[i];
    }
}

// s += g^2; w -= rate * g / sqrt(s). A gradient that was always 0 moves nothing.
void adapt(const Push &push, float *__restrict__ w, float *__restrict__ s, int64_t count, float rate) {
    const float *__restrict__ gradient = push.gradient;
    for (int64_t i = 0; i < count; i++) {
        const float g = gradient[i] + push.weight_decay * w[i];
        s[i] += g * g;
        w[i] -= rate * g / (std::sqrt(s[i]) + 1e-10f);
    }
}

void update(const Push &push, const Step &step, const float *before, const float *error, float rate) {
    const int in = step.inputs + 1;
    const int64_t count = (int64_t)in * step.outputs;
    const bool adagrad = push.optimiser == ADAGRAD, moving = push.optimiser == MOMENTUM;
    const float scale = (adagrad ? 1 : -rate) / push.batch;
    const float kept = adagrad ? 0 : moving ? push.momentum : 1 - rate * push.weight_decay;
    push.sgemm("N", "T", &in, &step.outputs, &push.batch, &scale, before, &in, error, &step.outputs, &kept,
               adagrad ? push.gradient : moving ? step.state : step.weights, &in);
    if (moving) move(push, step.weights, step.state, count, rate);
    if (adagrad) adapt(push, step.weights, step.state, count, rate);
}

// From errors behind a step to those before it; the weights are those of the forward pass.
void backward(const Push &push, const Step &step, const float *error, float *before, int batch_number) {
    const float one = 1, zero = 0;
    const int in = step.inputs + 1;
    if (step.kind == DENSE)
        push.sgemm("N", "N", &step.inputs, &push.batch, &step.outputs, &one, step.weights, &in, error, &step.outputs,
                   &zero, before, &step.inputs);
    else
        drop(before, error, step.drawn + (int64_t)batch_number * push.batch * step.outputs,
             push.batch * step.outputs, step.dropped);
}

}  // namespace

// Samples that were classified correctly, or -1 once a label is none. `words` are batches x batch x inputs, `labels` batches x batch.
extern "C" int64_t dense_push(const Push *given, const int16_t *words, const int64_t *labels, int64_t batches,
                              float rate) {
    const Push &push = *given;
    const Step *first = push.step, *last = push.step + push.steps - 1;
    const int inputs = first->inputs, classes = last->outputs;
    int trained = 0;  // the first step with weights: nothing before it needs errors
    while (push.step[trained].kind != DENSE) trained++;
    int64_t correct = 0;
    for (int64_t number = 0; number < batches; number++) {
        for (int row = 0; row < push.batch; row++) {
            float *to = push.inputs + (int64_t)row * (inputs + 1);
            for (int i = 0; i < inputs; i++) to[i] = words[i] * (1.0f / 4096);
            words += inputs;
        }
        const float *values = push.inputs;
        for (const Step *step = first; step <= last; step++) {
            forward(push, *step, values, number);
            values = step->values;
        }
        float *error = push.errors[0], *other = push.errors[1];
        for (int row = 0; row < push.batch; row++) {
            if (labels[row] < 0 || labels[row] >= classes) return -1;
            correct += output_error(error + (int64_t)row * classes, values + (int64_t)row * (classes + 1), classes,
                                    labels[row], push.mse);
        }
        labels += push.batch;
        for (const Step *step = last; step >= first + trained; step--) {
            const float *before = step == first ? push.inputs : step[-1].values;
            if (step->kind == DENSE)
                for (int row = 0; row < push.batch; row++)
                    slope(error + (int64_t)row * step->outputs, step->values + (int64_t)row * (step->outputs + 1),
                          step->outputs, step->function);
            if (step > first + trained) backward(push, *step, error, other, number);
            if (step->kind == DENSE) update(push, *step, before, error, rate);
            std::swap(error, other);
        }
    }
    return correct;
}
