/* SPDX-License-Identifier: 0BSD */
/* error_code.h - the error code of x86's page faults (Intel SDM vol. 3, 4.7). */
#ifndef ASHLAR_ARCH_ERROR_CODE_H
#define ASHLAR_ARCH_ERROR_CODE_H

#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u

#endif
