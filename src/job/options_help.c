/* options_help: --help and the man page's sections, written from the one table. Parses nothing. */
#include "job/options_help.h"

#include <stdio.h>
#include <string.h>

#include "job/options_table.h"

enum { WIDTH = 79, INDENT = 6 };

/* Prints text word by word, in lines of at most WIDTH. */
static void print_wrapped(FILE *out, const char *text)
{
    int column = 0;

    while (*(text += strspn(text, " "))) {
        int len = (int)strcspn(text, " ");

        if (column && column + 1 + len > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s%.*s", column ? 1 : INDENT, "", len, text);
        text += len;
    }
    fputc('\n', out);
}

static const char *default_of(const struct option_spec *spec)
{
    return spec->says ? spec->says : spec->fallback;
}

static void print_option(FILE *out, const struct option_spec *spec)
{
    char text[1024];
    const char *fallback = default_of(spec);

    fprintf(out, "  --%s%s%s\n", spec->name, spec->metavar ? " " : "",
            spec->metavar ? spec->metavar : "");
    snprintf(text, sizeof(text), "%s%s%s%s%s", spec->required ? "Required. " : "", spec->help,
             fallback ? " Default: " : "", fallback ? fallback : "", fallback ? "." : "");
    print_wrapped(out, text);
}

void options_help(FILE *out)
{
    fputs("Usage: mpirun -hostfile ip_config.txt -N 1 dgl-mpilaunch [OPTIONS] \"COMMAND\"\n"
          "       mpirun -f hosts -ppn 1 dgl-mpilaunch [OPTIONS] \"COMMAND\"      (MPICH)\n"
          "       srun --ntasks-per-node=1 dgl-mpilaunch [OPTIONS] -- PROGRAM [ARG...]\n"
          "       dgl-mpilaunch [OPTIONS] \"COMMAND\"                (one machine, no MPI)\n\n"
          "Starts DGL's servers and trainers on all machines of ip_config, in order, and\n"
          "stops them all when one fails.\n\n"
          "Example: 2 trainers on each machine, each with 4 samplers\n\n"
          "  mpirun -hostfile ip_config.txt -N 1 dgl-mpilaunch --workspace . \\\n"
          "      --num_trainers 2 --num_samplers 4 --num_servers 1 \\\n"
          "      --part_config data/graph.json --ip_config ip_config.txt \\\n"
          "      \"python3 train.py --ip_config ip_config.txt\"\n\n"
          "Often used besides: --dry_run (shows what would run), --extra_envs,\n"
          "--max_restarts, --start_timeout, --run_dir.\n\n"
          "A shell runs a COMMAND in one quoted word, unchanged. No shell runs words after\n"
          "--, and in them {ip_config}, {part_config} and {workspace} are replaced.\n\n"
          "Options may stand before or after the command, with '_' or '-' in their names,\n"
          "with '=' or a blank before the value. Each is also read from the environment\n"
          "as DGL_MPILAUNCH_ and its name in capitals, and from --config's file.\n",
          out);
    for (int group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, "\n%s:\n", options_group_titles[group]);
        for (size_t i = 0; i < options_table_size; i++)
            if ((int)options_table[i].group == group)
                print_option(out, &options_table[i]);
    }
}

/* Prints text as roff: each '-' as one that can be typed, and no line as a request. */
static void print_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else
            fputc(*text, out);
    }
}

static void roff_option(FILE *out, const struct option_spec *spec)
{
    const char *fallback = default_of(spec);

    fputs(".TP\n\\fB\\-\\-", out);
    print_roff(out, spec->name);
    fputs("\\fR", out);
    if (spec->metavar)
        fprintf(out, " \\fI%s\\fR", spec->metavar);
    fputs(spec->required ? "\nRequired.\n" : "\n", out);
    print_roff(out, spec->help);
    if (fallback) {
        fputs("\nDefault: ", out);
        print_roff(out, fallback);
        fputc('.', out);
    }
    fputc('\n', out);
}

void options_roff(FILE *out)
{
    fputs(".SH OPTIONS\n", out);
    for (int group = 0; group < GROUP_COUNT; group++) {
        fputs(".SS ", out);
        print_roff(out, options_group_titles[group]);
        fputc('\n', out);
        for (size_t i = 0; i < options_table_size; i++)
            if ((int)options_table[i].group == group)
                roff_option(out, &options_table[i]);
    }
}
