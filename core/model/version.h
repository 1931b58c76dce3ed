/* The version, for --version, reports and the libvirt metadata. */
#ifndef REHOST_CORE_MODEL_VERSION_H
#define REHOST_CORE_MODEL_VERSION_H

#define REHOST_VERSION "0.1.0"

#endif
