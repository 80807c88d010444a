/* The encoder's arithmetic in C: what signalrl/control/observation.py does with NumPy, at once.
 *
 * Optional: where it was not compiled, the encoder does the same with NumPy, some ten times slower.
 * tests/control/test_native.py compares the two. All arrays are C-contiguous; sums are of double
 * precision, as there. */

#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Columns of a measurement (signalrl.control.measurement.Column). */
enum { OCCUPANCY, QUEUED, APPROACHING, PRESENT = 10, DELAY, WAIT, COLUMNS };
/* Features of a phase (signalrl.control.observation.Feature). */
enum {
    EXISTS, REQUESTABLE, CURRENT, CLEARANCE, MOVING, UNSERVED, GREEN, SERVED, QUEUED_PERMISSIVE = 16,
    APPROACHING_PERMISSIVE, DOWNSTREAM_OCCUPANCY, DOWNSTREAM_QUEUE, TOTAL_QUEUED, TOTAL_APPROACHING,
    LONGEST_WAIT, CURRENT_DEMAND, LOST, LOST_SHARE, PHASES, FEATURES
};
enum { COUNTS = 9 };
static const double TINY = 1e-9;

/* The arrays that encode() takes, in this order. */
enum {
    VALUES, COUNT, APPROACHES, HEADS, ZONE_FIRST, ZONE_LANE, ZONE_SHARE, BEHIND_FIRST, BEHIND_LANE,
    BEHIND_SHARE, SERVED_SHARE, YIELDING_SHARE, CLEARANCE_TIMES, TARGET, MASK, SHOWN_UNTIL,
    GREEN_SINCE, FEATURES_OUT, DELAY_OUT,
    ARRAYS
};

/* What an approach lane has before and behind the stop line, and a phase's share of it. */
typedef struct {
    double column[COLUMNS], behind[2], wait;
} Approach;
typedef struct {
    double count[COUNTS], yielding[2], behind[2], wait, here, lost;
} Sums;

/* Add up the lanes of a row of a sparse matrix. */
static void add_up(double *sums, int columns, const float *values, const int32_t *lane,
                   const float *share, int32_t entries)
{
    for (int32_t e = 0; e < entries; e++) {
        const float *row = values + (int64_t)lane[e] * COLUMNS;
        for (int k = 0; k < columns; k++)
            sums[k] += (double)share[e] * row[k];
    }
}

/* Add an approach lane to each phase by the share of its links that the phase lets go. */
static void serve(Sums *sums, int64_t phases, const Approach *a, const float *served,
                  const float *yielding, float now)
{
    for (int64_t p = 0; p < phases; p++) {
        Sums *sum = sums + p;
        sum->here += now * a->column[PRESENT];
        if (now > served[p])
            sum->lost += ((double)now - served[p]) * a->column[PRESENT];
        if (served[p] <= 0.0f)
            continue;
        for (int k = 0; k < COUNTS; k++)
            sum->count[k] += served[p] * a->column[QUEUED + k];
        for (int k = 0; k < 2; k++) {
            sum->yielding[k] += yielding[p] * a->column[QUEUED + k];
            sum->behind[k] += served[p] * a->behind[k];
        }
        if (a->wait > sum->wait || isnan(a->wait))
            sum->wait = a->wait;
    }
}

static void write_phase(float *f, const Sums *sum, const double *total, int64_t phases)
{
    f[EXISTS] = 1.0f;
    for (int k = 0; k < COUNTS; k++)
        f[SERVED + k] = (float)sum->count[k];
    for (int k = 0; k < 2; k++) {
        f[QUEUED_PERMISSIVE + k] = (float)sum->yielding[k];
        f[DOWNSTREAM_OCCUPANCY + k] = (float)sum->behind[k];
        f[TOTAL_QUEUED + k] = (float)total[QUEUED + k];
    }
    f[LONGEST_WAIT] = (float)sum->wait;
    f[CURRENT_DEMAND] = (float)sum->here;
    f[LOST] = (float)sum->lost;
    f[LOST_SHARE] = (float)(sum->lost / (sum->here + TINY));
    f[PHASES] = (float)phases;
}

/* Return the time since a moment, 0 where it has not come. */
static float since(double moment_s, double time_s)
{
    return moment_s < time_s ? (float)(time_s - moment_s) : 0.0f;
}

/* A reading that is no number goes on into the features, so that no policy can trust them. */
static void encode_all(double time_s, const Py_buffer *b, int64_t signals, int64_t phases,
                       int64_t width, Sums *sums)
{
    const float *values = b[VALUES].buf, *clearance = b[CLEARANCE_TIMES].buf;
    const int32_t *count = b[COUNT].buf, *approaches = b[APPROACHES].buf, *heads = b[HEADS].buf;
    const int32_t *zone_first = b[ZONE_FIRST].buf, *zone_lane = b[ZONE_LANE].buf;
    const int32_t *behind_first = b[BEHIND_FIRST].buf, *behind_lane = b[BEHIND_LANE].buf;
    const float *zone_share = b[ZONE_SHARE].buf, *behind_share = b[BEHIND_SHARE].buf;
    const float *served = b[SERVED_SHARE].buf, *yielding = b[YIELDING_SHARE].buf;
    const int64_t *target = b[TARGET].buf;
    const double *shown_until = b[SHOWN_UNTIL].buf, *green_since = b[GREEN_SINCE].buf;
    const unsigned char *mask = b[MASK].buf;
    float *features = b[FEATURES_OUT].buf, *delay = b[DELAY_OUT].buf;

    memset(features, 0, b[FEATURES_OUT].len);
    for (int64_t s = 0, row = 0; s < signals; s++) {
        double total[COLUMNS] = {0};
        memset(sums, 0, count[s] * sizeof(Sums));
        for (int64_t m = 0; m < approaches[s]; m++, row++) {
            const int64_t at = (s * width + m) * phases;
            const int32_t zone = zone_first[row], behind = behind_first[row];
            Approach a = {0};
            add_up(a.column, COLUMNS, values, zone_lane + zone, zone_share + zone,
                   zone_first[row + 1] - zone);
            add_up(a.behind, 2, values, behind_lane + behind, behind_share + behind,
                   behind_first[row + 1] - behind);
            a.wait = values[(int64_t)heads[row] * COLUMNS + WAIT];
            int busy = a.behind[0] != 0.0 || a.behind[1] != 0.0 || a.wait != 0.0;
            for (int k = 0; k < COLUMNS; k++) {
                total[k] += a.column[k];
                busy |= a.column[k] != 0.0;
            }
            if (busy)
                serve(sums, count[s], &a, served + at, yielding + at, served[at + target[s]]);
        }
        delay[s] = (float)total[DELAY];
        for (int64_t p = 0; p < count[s]; p++) {
            const int64_t at = s * phases + p;
            float *f = features + at * FEATURES;
            write_phase(f, sums + p, total, count[s]);
            f[REQUESTABLE] = mask[at];
            f[CURRENT] = p == target[s];
            f[CLEARANCE] = clearance[(s * phases + target[s]) * phases + p];
            f[MOVING] = isinf(green_since[s]) != 0;
            f[UNSERVED] = since(shown_until[at], time_s);
            f[GREEN] = since(green_since[s], time_s);
        }
    }
}

/* Make sure that nothing is read or written beyond an array; the layout vouches that its indices of
 * lanes are below their number. */
static int fits(const Py_buffer *b, int64_t lanes, int64_t signals, int64_t phases, int64_t width)
{
    const int64_t cells = signals * phases, *target = b[TARGET].buf;
    const int32_t *count = b[COUNT].buf, *approaches = b[APPROACHES].buf;
    int64_t rows = 0;
    if (b[VALUES].format == NULL || strcmp(b[VALUES].format, "f") || b[VALUES].ndim != 2
        || b[VALUES].shape[1] != COLUMNS || b[COUNT].len != signals * 4 || b[APPROACHES].len != signals * 4
        || b[TARGET].len != signals * 8 || b[MASK].len != cells || b[SHOWN_UNTIL].len != cells * 8
        || b[GREEN_SINCE].len != signals * 8 || b[CLEARANCE_TIMES].len != cells * phases * 4
        || b[SERVED_SHARE].len != cells * width * 4
        || b[YIELDING_SHARE].len != cells * width * 4 || b[VALUES].len != lanes * COLUMNS * 4
        || b[FEATURES_OUT].len != cells * FEATURES * 4 || b[DELAY_OUT].len != signals * 4)
        return 0;
    for (int64_t s = 0; s < signals; rows += approaches[s++])
        if (target[s] < 0 || target[s] >= count[s] || count[s] > phases || approaches[s] > width)
            return 0;
    return b[HEADS].len == rows * 4 && b[ZONE_FIRST].len == (rows + 1) * 4
           && b[BEHIND_FIRST].len == (rows + 1) * 4;
}

/* encode(time_s, lanes, signals, phases, width, *arrays) */
static PyObject *encode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    enum { NUMBERS = 5 };
    Py_buffer b[ARRAYS];
    int taken = 0;
    if (nargs != NUMBERS + ARRAYS)
        return PyErr_Format(PyExc_TypeError, "expected %d arguments, got %zd", NUMBERS + ARRAYS,
                            nargs);
    const double time_s = PyFloat_AsDouble(args[0]);
    const int64_t lanes = PyLong_AsLongLong(args[1]), signals = PyLong_AsLongLong(args[2]);
    const int64_t phases = PyLong_AsLongLong(args[3]), width = PyLong_AsLongLong(args[4]);
    if (PyErr_Occurred())
        return NULL;
    Sums *sums = PyMem_Calloc(phases > 0 ? phases : 1, sizeof(Sums));
    if (sums == NULL)
        return PyErr_NoMemory();
    for (; taken < ARRAYS; taken++)
        if (PyObject_GetBuffer(args[NUMBERS + taken], b + taken,
                               taken == VALUES        ? PyBUF_C_CONTIGUOUS | PyBUF_FORMAT
                               : taken < FEATURES_OUT ? PyBUF_SIMPLE
                                                      : PyBUF_WRITABLE))
            break;
    if (taken == ARRAYS) {
        if (fits(b, lanes, signals, phases, width))
            encode_all(time_s, b, signals, phases, width, sums);
        else
            PyErr_SetString(PyExc_ValueError, "expected arrays of the layout's shape, got others");
    }
    while (taken > 0)
        PyBuffer_Release(b + --taken);
    PyMem_Free(sums);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* scale(features, factors, limit, out): multiply each phase's features and cut them off. */
static PyObject *scale(PyObject *module, PyObject *args)
{
    Py_buffer features, factors, out;
    float limit;
    if (!PyArg_ParseTuple(args, "y*y*fw*:scale", &features, &factors, &limit, &out))
        return NULL;
    const int fitting = factors.len == FEATURES * sizeof(float) && out.len == features.len
                        && features.len % factors.len == 0;
    if (fitting) {
        const float *from = features.buf, *factor = factors.buf;
        float *to = out.buf;
        for (Py_ssize_t row = 0; row < features.len / factors.len; row++)
            for (int k = 0; k < FEATURES; k++, from++, to++) {
                const float value = *from * factor[k];
                *to = value > limit ? limit : value; /* what is no number stays so */
            }
    } else {
        PyErr_SetString(PyExc_ValueError, "expected an array of features and one like it, got others");
    }
    PyBuffer_Release(&features);
    PyBuffer_Release(&factors);
    PyBuffer_Release(&out);
    if (!fitting)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"encode", (PyCFunction)(void (*)(void))encode, METH_FASTCALL,
     "Write the features of all phases and the delay rates."},
    {"scale", scale, METH_VARARGS, "Write scaled features into another array."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_encode", NULL, -1, methods,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__encode(void) { return PyModule_Create(&definition); }
