/* SPDX-License-Identifier: 0BSD */
/* conversion.c - -Wconversion: a value that loses bits. Says: conversion implicit-int-conversion */
unsigned char must_fail(unsigned a);
unsigned char must_fail(unsigned a)
{
    return a;
}
