/* Reads and adds up the vehicles on all lanes: what signalrl/sumo/detectors.py does in Python.
 *
 * It calls libsumo's C++ interface, which the loaded libsumo exports, since a call from Python costs
 * several times as much as what it asks for. Optional: where this was not compiled, or libsumo lacks
 * a function, the reader does the same in Python. tests/sumo/test_detectors.py compares the two. */

#include <Python.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#if !defined(_GLIBCXX_USE_CXX11_ABI) || !_GLIBCXX_USE_CXX11_ABI
#error "expected the strings that libsumo is built with (libstdc++, the ABI of C++11)"
#endif

namespace {

/* Columns of a measurement (signalrl.control.measurement.Column). */
enum {
    OCCUPANCY, QUEUED, APPROACHING, NEAR, ARRIVAL_5, ARRIVAL_10, ARRIVAL_20, QUEUE_25, QUEUE_60,
    QUEUE_FAR, PRESENT, DELAY, WAIT, COLUMNS
};

/* In the order of detectors.THRESHOLDS. */
struct Thresholds {
    double halting_m_s, near_m, queue_near_m, queue_mid_m, early_s, mid_s, late_s, min_speed_m_s;
};

/* In the order of detectors.Way. */
struct Way {
    double row, range_m, far_m, limit_m_s, per_vehicle, stops;
};

struct Lane {
    std::string id;
    Way way;
};

struct Edge {
    std::string id;
    std::vector<Lane> lanes;
};

using Ids = std::vector<std::string>;

/* The functions of libsumo that are called. */
struct Sumo {
    int (*vehicles_on_edge)(const std::string &);
    Ids (*vehicles)(const std::string &);
    int (*halting)(const std::string &);
    double (*mean_speed)(const std::string &);
    double (*position)(const std::string &);
    double (*speed)(const std::string &);
    double (*waiting)(const std::string &);
    Ids (*pending)();
};

struct Reader {
    Sumo sumo;
    std::vector<Edge> edges;
    Thresholds thresholds;
    int64_t rows = 0;
};

/* How a mangled name ends: strings of nothing, and anything of one string. */
const char *const IDS_OF_NOTHING = "B5cxx11Ev";
const char *const OF_AN_ID = "ERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE";

/* Find a function in libsumo by its mangled name. */
template <typename Function>
bool find(void *library, const char *name, Function &function, const char *arguments = OF_AN_ID)
{
    const std::string mangled = std::string("_ZN7libsumo") + name + arguments;
    function = reinterpret_cast<Function>(dlsym(library, mangled.c_str()));
    return function != nullptr;
}

bool find_all(void *library, Sumo &sumo)
{
    return find(library, "4Edge24getLastStepVehicleNumber", sumo.vehicles_on_edge)
           && find(library, "4Lane21getLastStepVehicleIDs", sumo.vehicles)
           && find(library, "4Lane24getLastStepHaltingNumber", sumo.halting)
           && find(library, "4Lane20getLastStepMeanSpeed", sumo.mean_speed)
           && find(library, "7Vehicle15getLanePosition", sumo.position)
           && find(library, "7Vehicle8getSpeed", sumo.speed)
           && find(library, "7Vehicle14getWaitingTime", sumo.waiting)
           && find(library, "10Simulation18getPendingVehicles", sumo.pending, IDS_OF_NOTHING);
}

/* Sort one vehicle into its columns. */
void sort_in(double *columns, double distance, double speed, const Thresholds &t)
{
    columns[PRESENT] += 1.0;
    if (distance < t.near_m)
        columns[NEAR] += 1.0;
    if (speed < t.halting_m_s) {
        columns[QUEUED] += 1.0;
        columns[distance < t.queue_near_m  ? QUEUE_25
                : distance < t.queue_mid_m ? QUEUE_60
                                           : QUEUE_FAR] += 1.0;
        return;
    }
    const double arrival_s = distance / (speed > t.min_speed_m_s ? speed : t.min_speed_m_s);
    columns[APPROACHING] += 1.0;
    if (arrival_s < t.late_s)
        columns[arrival_s < t.early_s ? ARRIVAL_5
                : arrival_s < t.mid_s ? ARRIVAL_10
                                      : ARRIVAL_20] += 1.0;
}

/* Add up a lane's vehicles, which SUMO lists from the rear to the front. */
void tally(float *values, const Lane &lane, const Ids &vehicles, const Reader &reader)
{
    const Sumo &sumo = reader.sumo;
    const Way &way = lane.way;
    const double count = static_cast<double>(vehicles.size());
    double columns[COLUMNS] = {};
    columns[OCCUPANCY] = count * way.per_vehicle;
    if (way.range_m < 0) { /* behind the junction: only how full it is and how many stand */
        columns[QUEUED] = columns[QUEUE_25] = columns[PRESENT] = sumo.halting(lane.id);
    } else {
        double speeds = 0.0;
        for (auto vehicle = vehicles.rbegin(); vehicle != vehicles.rend(); ++vehicle) {
            const double distance = way.far_m - sumo.position(*vehicle);
            if (distance > way.range_m) {
                speeds = count * sumo.mean_speed(lane.id);
                break;
            }
            const double speed = sumo.speed(*vehicle);
            speeds += speed;
            sort_in(columns, distance, speed, reader.thresholds);
        }
        const double delay = count - speeds / way.limit_m_s;
        columns[DELAY] = delay > 0.0 ? delay : 0.0;
        if (way.stops != 0.0 && columns[QUEUED] > 0.0)
            columns[WAIT] = sumo.waiting(vehicles.back());
    }
    for (int k = 0; k < COLUMNS; k++)
        values[k] = static_cast<float>(columns[k]);
}

void read_all(const Reader &reader, float *values)
{
    for (const Edge &edge : reader.edges) {
        /* An edge of several lanes is asked first whether anybody is there. */
        int64_t left = edge.lanes.size() > 1 ? reader.sumo.vehicles_on_edge(edge.id) : 1;
        for (auto lane = edge.lanes.begin(); lane != edge.lanes.end() && left > 0; ++lane) {
            const Ids vehicles = reader.sumo.vehicles(lane->id);
            if (vehicles.empty())
                continue;
            tally(values + static_cast<int64_t>(lane->way.row) * COLUMNS, *lane, vehicles, reader);
            left -= static_cast<int64_t>(vehicles.size());
        }
    }
}

const char *const NAME = "signalrl.sumo._tally.reader";

Reader *reader_of(PyObject *capsule)
{
    return static_cast<Reader *>(PyCapsule_GetPointer(capsule, NAME));
}

void drop(PyObject *capsule) { delete reader_of(capsule); }

/* Take over one edge: its id, and the id and way of reading of each of its lanes. */
bool add_edge(Reader &reader, PyObject *item)
{
    const char *id;
    PyObject *lanes;
    if (!PyArg_ParseTuple(item, "sO!", &id, &PyTuple_Type, &lanes))
        return false;
    Edge edge{id, {}};
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(lanes); k++) {
        Way w;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(lanes, k), "s(dddddd)", &id, &w.row, &w.range_m,
                              &w.far_m, &w.limit_m_s, &w.per_vehicle, &w.stops))
            return false;
        if (w.row < 0) {
            PyErr_SetString(PyExc_ValueError, "expected rows of 0 or more");
            return false;
        }
        reader.rows = std::max(reader.rows, static_cast<int64_t>(w.row) + 1);
        edge.lanes.push_back({id, w});
    }
    reader.edges.push_back(std::move(edge));
    return true;
}

/* prepare(library, edges, thresholds): find libsumo's functions and take over the lanes. */
PyObject *prepare(PyObject *, PyObject *args)
{
    const char *path;
    PyObject *edges;
    Thresholds t;
    if (!PyArg_ParseTuple(args, "sO!(dddddddd)", &path, &PyTuple_Type, &edges, &t.halting_m_s,
                          &t.near_m, &t.queue_near_m, &t.queue_mid_m, &t.early_s, &t.mid_s,
                          &t.late_s, &t.min_speed_m_s))
        return nullptr;
    auto *reader = new Reader;
    reader->thresholds = t;
    void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    bool fine = library != nullptr && find_all(library, reader->sumo);
    if (!fine)
        PyErr_Format(PyExc_OSError, "expected libsumo's C++ interface in %s, did not find it", path);
    for (Py_ssize_t e = 0; fine && e < PyTuple_GET_SIZE(edges); e++)
        fine = add_edge(*reader, PyTuple_GET_ITEM(edges, e));
    if (library != nullptr)
        dlclose(library); /* Python holds it too, and never lets go of a module */
    PyObject *capsule = fine ? PyCapsule_New(reader, NAME, drop) : nullptr;
    if (capsule == nullptr)
        delete reader;
    return capsule;
}

/* read(reader, values): write what is on each lane into its row; return how many wait outside. */
PyObject *read(PyObject *, PyObject *args)
{
    PyObject *capsule;
    Py_buffer values;
    size_t pending = 0;
    if (!PyArg_ParseTuple(args, "Ow*", &capsule, &values))
        return nullptr;
    const Reader *reader = reader_of(capsule);
    if (reader != nullptr
        && values.len < reader->rows * COLUMNS * static_cast<Py_ssize_t>(sizeof(float))) {
        PyErr_SetString(PyExc_ValueError, "expected a row for each of the network's lanes");
    } else if (reader != nullptr) {
        try {
            std::memset(values.buf, 0, values.len);
            read_all(*reader, static_cast<float *>(values.buf));
            pending = reader->sumo.pending().size();
        } catch (const std::exception &error) {
            PyErr_SetString(PyExc_RuntimeError, error.what());
        } catch (...) {
            PyErr_SetString(PyExc_RuntimeError, "libsumo failed without a reason");
        }
    }
    PyBuffer_Release(&values);
    if (PyErr_Occurred())
        return nullptr;
    return PyLong_FromSize_t(pending);
}

PyMethodDef methods[] = {
    {"prepare", prepare, METH_VARARGS, "Find libsumo's functions and take over the lanes."},
    {"read", read, METH_VARARGS, "Write what is on each lane; return how many wait outside."},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_tally", nullptr, -1, methods,
                          nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__tally(void) { return PyModule_Create(&definition); }
