/* A step of the loading in C: what signalrl/forecast/loading.py does with NumPy, at once.
 *
 * Optional: where it was not compiled, the loading does the same with NumPy, some ten times slower.
 * tests/forecast/test_loading.py compares the two. All arrays are C-contiguous, of single precision
 * or of indices; their last axis is that of the draws, over which the compiler vectorises. */

#include <Python.h>

#include <string.h>

/* The arrays that advance() takes, in this order: numbers of the network and of the step, indices,
 * the state, a place to work, and sums to which it adds. */
enum {
    STORAGE, ENTERING, PARTS, ROOM, HOP_SHARE, ENTRY_SHARE,
    PAIR_LANE, PAIR_MOVEMENT, OF_APPROACH, HOP_FROM, HOP_TO, HOP_APPROACH, HOP_STEPS,
    ENTRY_OF, ENTRY_TO, ENTRY_APPROACH, ENTRY_STEPS,
    COMING, WAIT, BACK, INSIDE, WORK, ARRIVED, LEFT, QUEUE, OUTSIDE, CONTENT, ENDED,
    ARRAYS
};
/* How many there are of what; cells are kinds of traffic times movements. */
typedef struct {
    Py_ssize_t step, draws, movements, cells, rounds, approaches, lanes, pairs, hops, ways_in,
        entries;
} Numbers;

static float least(float a, float b) { return a < b ? a : b; }
static float most(float a, float b) { return a > b ? a : b; }

static void fill(float *to, float value, Py_ssize_t number)
{
    for (Py_ssize_t i = 0; i < number; i++)
        to[i] = value;
}

static void add(float *restrict to, const float *restrict from, float factor, Py_ssize_t number)
{
    for (Py_ssize_t i = 0; i < number; i++)
        to[i] += from[i] * factor;
}

static void add_product(float *restrict to, const float *restrict a, const float *restrict b,
                        float factor, Py_ssize_t number)
{
    for (Py_ssize_t i = 0; i < number; i++)
        to[i] += a[i] * b[i] * factor;
}

static void limit(float *restrict to, const float *restrict from, Py_ssize_t number)
{
    for (Py_ssize_t i = 0; i < number; i++)
        to[i] = least(to[i], from[i]);
}

/* Write which part of each movement its lanes let pass. */
static void serve(const Numbers *n, float *served, const float *passes, const float *parts,
                  const Py_ssize_t *lane, const Py_ssize_t *movement)
{
    memset(served, 0, n->movements * n->draws * sizeof(float));
    for (Py_ssize_t p = 0; p < n->pairs; p++)
        add(served + movement[p] * n->draws, passes + lane[p] * n->draws, parts[p], n->draws);
}

static void advance_all(const Numbers *n, const Py_buffer *b, float creep, float rare)
{
    const Py_ssize_t D = n->draws;
    const float *parts = b[PARTS].buf, *hop_share = b[HOP_SHARE].buf;
    const float *room = b[ROOM].buf, *entry_share = b[ENTRY_SHARE].buf, *storage = b[STORAGE].buf;
    const Py_ssize_t *lane = b[PAIR_LANE].buf, *movement = b[PAIR_MOVEMENT].buf;
    const Py_ssize_t *of_approach = b[OF_APPROACH].buf;
    const Py_ssize_t *hop_from = b[HOP_FROM].buf, *hop_to = b[HOP_TO].buf;
    const Py_ssize_t *hop_approach = b[HOP_APPROACH].buf, *hop_steps = b[HOP_STEPS].buf;
    const Py_ssize_t *entry_of = b[ENTRY_OF].buf, *entry_to = b[ENTRY_TO].buf;
    const Py_ssize_t *entry_approach = b[ENTRY_APPROACH].buf, *entry_steps = b[ENTRY_STEPS].buf;
    float *coming = b[COMING].buf, *wait = b[WAIT].buf, *back = b[BACK].buf;
    float *inside = b[INSIDE].buf, *arrived = b[ARRIVED].buf, *left = b[LEFT].buf;
    float *queue = b[QUEUE].buf, *outside = b[OUTSIDE].buf;
    float *content = b[CONTENT].buf, *ended = b[ENDED].buf;
    float *on_lanes = b[WORK].buf, *queues = on_lanes + n->pairs * D;
    float *passes = queues + n->lanes * D, *held = passes + n->lanes * D;
    float *waiting = held + n->lanes * D, *served = waiting + n->movements * D;
    float *goes = served + n->movements * D, *out = goes + n->movements * D;
    float *fits = out + n->cells * D, *gone = fits + n->approaches * D;

    float *now = coming + n->step % n->rounds * n->cells * D;
    add(wait, now, 1.0f, n->cells * D);
    memset(now, 0, n->cells * D * sizeof(float));
    add(back, b[ENTERING].buf, 1.0f, n->entries * D);

    /* What each lane would let pass. */
    memset(waiting, 0, n->movements * D * sizeof(float));
    for (Py_ssize_t c = 0; c < n->cells; c += n->movements)
        add(waiting, wait + c * D, 1.0f, n->movements * D);
    memset(on_lanes, 0, n->pairs * D * sizeof(float));
    memset(queues, 0, n->lanes * D * sizeof(float));
    for (Py_ssize_t p = 0; p < n->pairs; p++) {
        add(on_lanes + p * D, waiting + movement[p] * D, parts[p], D);
        add(queues + lane[p] * D, on_lanes + p * D, 1.0f, D);
    }
    for (Py_ssize_t i = 0; i < n->lanes * D; i++)
        passes[i] = least(1.0f, room[i] / most(queues[i], 1e-6f));
    serve(n, served, passes, parts, lane, movement);

    /* What part of it there is room for; who can't go holds up all behind on the lane. */
    memset(fits, 0, n->approaches * D * sizeof(float));
    for (Py_ssize_t h = 0; h < n->hops; h++)
        add_product(fits + hop_approach[h] * D, wait + hop_from[h] * D,
                    served + hop_from[h] % n->movements * D, hop_share[h], D);
    for (Py_ssize_t e = 0; e < n->ways_in; e++)
        add(fits + entry_approach[e] * D, back + entry_of[e] * D, entry_share[e], D);
    for (Py_ssize_t a = 0; a < n->approaches; a++)
        for (Py_ssize_t i = a * D; i < (a + 1) * D; i++)
            fits[i] = least(1.0f, most(storage[a] - inside[i], 0.0f) / most(fits[i], 1e-6f));
    fill(goes, 1.0f, n->movements * D);
    for (Py_ssize_t h = 0; h < n->hops; h++)
        if (hop_share[h] > rare)
            limit(goes + hop_from[h] % n->movements * D, fits + hop_approach[h] * D, D);
    fill(held, 1.0f, n->lanes * D);
    for (Py_ssize_t p = 0; p < n->pairs; p++) {
        const float *mine = on_lanes + p * D, *all = queues + lane[p] * D, *go = goes + movement[p] * D;
        float *restrict lanes = held + lane[p] * D;
        for (Py_ssize_t i = 0; i < D; i++)
            lanes[i] = least(lanes[i], mine[i] > rare * all[i] ? most(go[i], creep) : 1.0f);
    }
    for (Py_ssize_t i = 0; i < n->lanes * D; i++)
        passes[i] *= held[i];
    serve(n, served, passes, parts, lane, movement);

    /* Drive on and in. */
    for (Py_ssize_t c = 0; c < n->cells; c++) {
        const float *part = served + c % n->movements * D;
        const Py_ssize_t approach = of_approach[c % n->movements] * D;
        float *restrict mine = wait + c * D, *restrict going = out + c * D;
        for (Py_ssize_t i = 0; i < D; i++) {
            going[i] = mine[i] * part[i];
            mine[i] -= going[i];
        }
        add(left + approach, going, 1.0f, D);
        add(ended + approach, going, 1.0f, D);
        add(inside + approach, going, -1.0f, D);
        add(queue + approach, mine, 1.0f, D);
    }
    for (Py_ssize_t h = 0; h < n->hops; h++) {
        const Py_ssize_t round = (n->step + hop_steps[h]) % n->rounds;
        const float *from = out + hop_from[h] * D;
        add(coming + (round * n->cells + hop_to[h]) * D, from, hop_share[h], D);
        add(inside + hop_approach[h] * D, from, hop_share[h], D);
        add(arrived + hop_approach[h] * D, from, hop_share[h], D);
        add(ended + of_approach[hop_from[h] % n->movements] * D, from, -hop_share[h], D);
    }
    memset(gone, 0, n->entries * D * sizeof(float));
    for (Py_ssize_t e = 0; e < n->ways_in; e++) {
        const Py_ssize_t round = (n->step + entry_steps[e]) % n->rounds;
        const float *from = back + entry_of[e] * D, *part = fits + entry_approach[e] * D;
        add_product(coming + (round * n->cells + entry_to[e]) * D, from, part, entry_share[e], D);
        add_product(inside + entry_approach[e] * D, from, part, entry_share[e], D);
        add_product(arrived + entry_approach[e] * D, from, part, entry_share[e], D);
        add_product(gone + entry_of[e] * D, from, part, entry_share[e], D);
    }
    for (Py_ssize_t i = 0; i < n->entries * D; i++)
        back[i] = most(back[i] - gone[i], 0.0f);
    for (Py_ssize_t e = 0; e < n->ways_in; e++)
        add(outside + entry_approach[e] * D, back + entry_of[e] * D, entry_share[e], D);
    add(content, inside, 1.0f, n->approaches * D);
}

/* Make sure that nothing is read or written beyond an array. */
static int fits_all(const Numbers *n, const Py_buffer *b)
{
    const Py_ssize_t work = n->pairs + 3 * n->lanes + 3 * n->movements + n->cells + n->approaches
                            + n->entries;
    const Py_ssize_t numbers[ARRAYS] = {
        [STORAGE] = n->approaches, [ENTERING] = n->entries * n->draws, [PARTS] = n->pairs,
        [ROOM] = n->lanes * n->draws, [HOP_SHARE] = n->hops, [ENTRY_SHARE] = n->ways_in,
        [PAIR_LANE] = n->pairs, [PAIR_MOVEMENT] = n->pairs, [OF_APPROACH] = n->movements,
        [HOP_FROM] = n->hops, [HOP_TO] = n->hops, [HOP_APPROACH] = n->hops, [HOP_STEPS] = n->hops,
        [ENTRY_OF] = n->ways_in, [ENTRY_TO] = n->ways_in, [ENTRY_APPROACH] = n->ways_in,
        [ENTRY_STEPS] = n->ways_in, [COMING] = n->rounds * n->cells * n->draws,
        [WAIT] = n->cells * n->draws, [BACK] = n->entries * n->draws,
        [INSIDE] = n->approaches * n->draws, [WORK] = work * n->draws,
        [ARRIVED] = n->approaches * n->draws, [LEFT] = n->approaches * n->draws,
        [QUEUE] = n->approaches * n->draws, [OUTSIDE] = n->approaches * n->draws,
        [CONTENT] = n->approaches * n->draws, [ENDED] = n->approaches * n->draws,
    };
    const Py_ssize_t below[ARRAYS] = {
        [PAIR_LANE] = n->lanes, [PAIR_MOVEMENT] = n->movements, [OF_APPROACH] = n->approaches,
        [HOP_FROM] = n->cells, [HOP_TO] = n->cells, [HOP_APPROACH] = n->approaches,
        [HOP_STEPS] = n->rounds, [ENTRY_OF] = n->entries, [ENTRY_TO] = n->cells,
        [ENTRY_APPROACH] = n->approaches, [ENTRY_STEPS] = n->rounds,
    };
    if (n->step < 0 || n->movements == 0 || n->cells % n->movements)
        return 0;
    for (int i = 0; i < ARRAYS; i++) {
        const Py_ssize_t size = below[i] ? sizeof(Py_ssize_t) : sizeof(float), *index = b[i].buf;
        if (b[i].itemsize != size || b[i].len != numbers[i] * size)
            return 0;
        for (Py_ssize_t j = 0; below[i] && j < numbers[i]; j++)
            if (index[j] < 0 || index[j] >= below[i])
                return 0;
    }
    return 1;
}

/* advance(step, creep, rare, *arrays) */
static PyObject *advance(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    enum { NUMBERS = 3 };
    Py_buffer b[ARRAYS];
    int taken = 0, fitting = 0;
    if (nargs != NUMBERS + ARRAYS)
        return PyErr_Format(PyExc_TypeError, "expected %d arguments, got %zd", NUMBERS + ARRAYS,
                            nargs);
    const Py_ssize_t step = PyLong_AsSsize_t(args[0]);
    const double creep = PyFloat_AsDouble(args[1]), rare = PyFloat_AsDouble(args[2]);
    if (PyErr_Occurred())
        return NULL;
    for (; taken < ARRAYS; taken++)
        if (PyObject_GetBuffer(args[NUMBERS + taken], b + taken,
                               taken < COMING ? PyBUF_ND : PyBUF_ND | PyBUF_WRITABLE))
            break;
    if (taken == ARRAYS && b[ENTERING].ndim == 2 && b[COMING].ndim == 3 && b[ROOM].ndim == 2) {
        const Numbers n = {
            step, b[ENTERING].shape[1], b[OF_APPROACH].shape[0], b[COMING].shape[1],
            b[COMING].shape[0], b[STORAGE].shape[0], b[ROOM].shape[0], b[PARTS].shape[0],
            b[HOP_SHARE].shape[0], b[ENTRY_SHARE].shape[0], b[ENTERING].shape[0],
        };
        fitting = fits_all(&n, b);
        if (fitting) {
            Py_BEGIN_ALLOW_THREADS
            advance_all(&n, b, (float)creep, (float)rare);
            Py_END_ALLOW_THREADS
        }
    }
    while (taken > 0)
        PyBuffer_Release(b + --taken);
    if (!fitting && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "expected arrays of one network's shape, got others");
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"advance", (PyCFunction)(void (*)(void))advance, METH_FASTCALL, "Let a step pass."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_load", NULL, -1, methods,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__load(void) { return PyModule_Create(&definition); }
