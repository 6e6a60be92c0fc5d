/* A worker in C++ that reads frames as cv::Mat would, without a copy: how many pixels of each are brighter than its mean?
 *
 *   c++ -std=c++17 view.cpp $(pkg-config --cflags --libs framewire) -o view
 *   framewire send photos/ --to tcp://127.0.0.1:5555 --results -
 *   ./view tcp://127.0.0.1:5555
 *
 * With OpenCV a frame's matrix is
 *
 *   const cv::Mat image(view.rows, view.cols, view.type, const_cast<unsigned char *>(view.data), view.step);
 *
 * It is for reading only, as the memory is (a function that writes into it ends the process: give it a matrix of its own as
 * output), and until the frame is answered. Channels are in the frame's order: rgb8 is not OpenCV's BGR.
 */
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include <framewire/framewire.h>

/* What a cv::Mat is made of. */
struct View {
    int rows, cols;
    int type;                  /* as CV_MAKETYPE(depth, channels) has it: CV_8UC3 is 16 */
    std::size_t step;          /* bytes from a row to the next */
    const unsigned char *data; /* on the sender's host: the sender's memory */

    int channels() const {
        return (type >> 3) + 1;
    }
    const unsigned char *row(int y) const {
        return data + static_cast<std::size_t>(y) * step;
    }
};

/* CV_8U, CV_8S, CV_16U, ...; none for what OpenCV has no depth for. */
static std::optional<int> depth_of(fw_dtype dtype) {
    switch (dtype) {
    case FW_U8:
        return 0;
    case FW_I8:
        return 1;
    case FW_U16:
        return 2;
    case FW_I16:
        return 3;
    case FW_I32:
        return 4;
    case FW_F32:
        return 5;
    case FW_F64:
        return 6;
    case FW_F16:
        return 7;
    default:
        return std::nullopt;
    }
}

/* A frame of shape (rows, cols) or (rows, cols, channels); none for others, and for encoded ones. */
static std::optional<View> view_of(fw_frame *frame) {
    const fw_format *format = fw_frame_format(frame);
    const std::optional<int> depth = depth_of(format->dtype);
    const std::uint64_t channels = format->ndim == 3 ? format->shape[2] : 1;
    if (!depth || format->encoding != FW_RAW || format->ndim < 2 || format->ndim > 3 || channels < 1 || channels > 512)
        return std::nullopt;
    return View{ static_cast<int>(format->shape[0]), static_cast<int>(format->shape[1]),
                 *depth | static_cast<int>(channels - 1) << 3,
                 fw_frame_size(frame) / static_cast<std::size_t>(format->shape[0]),
                 static_cast<const unsigned char *>(fw_frame_data(frame)) };
}

static std::int64_t count_bright(const View &view) {
    std::uint64_t sum = 0;
    std::int64_t bright = 0;
    const int bytes = view.cols * view.channels();
    for (int y = 0; y < view.rows; y++)
        for (int x = 0; x < bytes; x++)
            sum += view.row(y)[x];
    const std::uint64_t count = static_cast<std::uint64_t>(view.rows) * static_cast<std::uint64_t>(bytes);
    for (int y = 0; y < view.rows; y++)
        for (int x = 0; x < bytes; x++)
            bright += view.row(y)[x] * count > sum;
    return bright;
}

static fw_status answer(fw_receiver *receiver, fw_frame *frame) {
    const std::optional<View> view = view_of(frame);
    if (!view || (view->type & 7) != 0)
        return fw_receiver_fail(receiver, &frame, "not a raw 8-bit image");
    fw_frame_set_int(frame, "bright", count_bright(*view));
    fw_frame_set_int(frame, "type", view->type);
    fw_frame_set_text(frame, "transport", fw_frame_transport(frame));
    return fw_receiver_reply(receiver, &frame, nullptr); /* from here on the view is nobody's */
}

int main(int argc, char **argv) {
    fw_receiver_options options{};
    options.url = argc > 1 ? argv[1] : nullptr;
    fw_receiver *opened = nullptr;
    fw_status status = fw_receiver_open(&options, &opened);
    const auto close = [](fw_receiver *receiver) { fw_receiver_close(&receiver); };
    const std::unique_ptr<fw_receiver, decltype(close)> receiver(opened, close);

    fw_frame *frame = nullptr;
    while (status == FW_OK && (status = fw_receiver_receive(receiver.get(), FW_FOREVER, &frame)) == FW_OK)
        status = answer(receiver.get(), frame);
    if (status != FW_CLOSED)
        std::fprintf(stderr, "view: %s\n", fw_cause());
    return status == FW_CLOSED ? 0 : 1; /* closed: the stream has ended */
}
