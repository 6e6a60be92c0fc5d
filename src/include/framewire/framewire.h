/* Framewire: images from C into Python workers, and their results back.
 *
 * The whole public API; each header below also compiles alone, as C and as C++.
 * Link with `pkg-config --libs framewire`.
 */
#ifndef FRAMEWIRE_H
#define FRAMEWIRE_H

#include <framewire/frame.h>
#include <framewire/keys.h>
#include <framewire/log.h>
#include <framewire/pipeline.h>
#include <framewire/receiver.h>
#include <framewire/sender.h>
#include <framewire/source.h>
#include <framewire/status.h>
#include <framewire/units.h>
#include <framewire/version.h>

#endif
