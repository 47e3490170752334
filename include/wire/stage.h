/* stage: the life of one machine's part of an attempt, as keeper, rank and messages name it. A gate
 * has the name of the stage that it opens.
 */
#ifndef WIRE_STAGE_H
#define WIRE_STAGE_H

enum stage {
    STAGE_IDLE,               /* nothing has been started */
    STAGE_SERVERS,            /* servers start; not all of them listen */
    STAGE_LISTENING,          /* all listen; waits for the other machines */
    STAGE_TRAINERS,           /* trainers (and samplers) run */
    STAGE_ENDED,              /* all trainers ended well; waits for the other machines */
    STAGE_DRAIN,              /* servers leave by themselves */
    STAGE_STOP,               /* TERM has been sent to whatever is left, but to servers */
    STAGE_STOP_SERVERS,       /* TERM has been sent to the servers too */
    STAGE_KILL,               /* KILL is sent until nothing is left */
    STAGE_OVER,               /* nothing is left */
    STAGE_COUNT,              /* of a keeper's; its rank goes on */
    STAGE_SENT = STAGE_COUNT, /* its outcome is on its way to rank 0 */
    STAGE_WRITING,            /* rank 0: the scribe has the report */
    STAGE_REPORTED,           /* rank 0: the closing lines are said */
    STAGE_CONCLUDED,          /* rank 0: they and the processes' output are written */
    STAGE_RANK_COUNT
};

#endif
