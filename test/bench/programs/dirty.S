/* A boot sector that does what dirty.c does, for an emulated PC: fills so many MiB with numbers, says R on the serial port, and then writes so many pages in
   each millisecond (the timer's interrupt), one after another. MIB and PAGES are defined when it is assembled. GNU as, --32. */
        .code16
        .globl _start
_start: cli
        xorw %ax, %ax
        movw %ax, %ds
        inb $0x92, %al                  /* line A20 */
        orb $2, %al
        outb %al, $0x92
        lgdtl gdtr
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmp $8, $wide

        .code32
wide:   movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x7c00, %esp
        movl $0x200000, %edi
        movl $(MIB * 262144), %ecx
        movl $1, %eax
fill:   imull $1664525, %eax, %eax
        addl $1013904223, %eax
        movl %eax, (%edi)
        addl $4, %edi
        loop fill
        /* Interrupts of the first controller are vectors 0x20 to 0x27; only the timer's is let through. */
        movb $0x11, %al
        outb %al, $0x20
        movb $0x20, %al
        outb %al, $0x21
        movb $4, %al
        outb %al, $0x21
        movb $1, %al
        outb %al, $0x21
        movb $0xfe, %al
        outb %al, $0x21
        movl $tick, %eax
        movw %ax, 0x1100
        movw $8, 0x1102
        movw $0x8e00, 0x1104
        shrl $16, %eax
        movw %ax, 0x1106
        lidt idtr
        movb $0x34, %al                 /* channel 0, mode 2, 1193182 / 1193 Hz */
        outb %al, $0x43
        movb $(1193 & 255), %al
        outb %al, $0x40
        movb $(1193 >> 8), %al
        outb %al, $0x40
        movw $0x3f8, %dx
        movb $'R', %al
        outb %al, %dx
        movl $0x200000, %esi
        sti
again:  hlt
        movl $PAGES, %ecx
        jecxz again
write:  incl (%esi)
        addl $4096, %esi
        cmpl $(0x200000 + MIB * 1048576), %esi
        jb next
        movl $0x200000, %esi
next:   loop write
        jmp again
tick:   pushl %eax
        movb $0x20, %al
        outb %al, $0x20
        popl %eax
        iret

        .balign 8
gdt:    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:   .word . - gdt - 1
        .long gdt
idtr:   .word 0x21 * 8 - 1
        .long 0x1000
        .org 510
        .word 0xaa55
